// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What rooms say, and options of tests.
#pragma once

#include "digest.hpp"
#include "support/room_fixture.hpp"

#include <string>

namespace pulse::test {

inline constexpr const char* kPlace =
    R"({"httpProtocol":"HTTP/1.1","latitude":"0","longitude":"0"})";

inline std::string profile_of(int suffix, const std::string& id,
                              const std::string& properties = "{}",
                              const std::string& role = "user") {
    return R"({"type":"profile","data":{"suffix":)" + std::to_string(suffix) + R"(,"properties":)" +
           properties + R"(,"id":")" + id + R"(","connectionDetails":)" + kPlace + R"(,"role":")" +
           role + R"("}})";
}

inline rooms::RoomsOptions signed_options() {
    rooms::RoomsOptions options;
    options.signing_key = "CHANGEME";
    return options;
}

inline std::string authentication(const std::string& room, std::uint64_t ts,
                                  const std::string& secret = "CHANGEME") {
    return R"({"type":"authenticate","data":{"ts":)" + std::to_string(ts) + R"(,"key":")" +
           rooms::sha256_hex(room + std::to_string(ts) + secret) + R"("}})";
}

inline void become_admin(RoomFixture& f, test::RoomPeer& peer, std::uint64_t later = 0) {
    const Lines got = f.ask(peer, authentication("r", f.clock.unix_ms() + later));
    REQUIRE(got.size() == 1);
    REQUIRE(got[0].find(R"("role":"admin")") != std::string::npos);
}

inline std::string counter(const std::string& value) {
    return R"({"type":"counter","data":{"id":"c","value":)" + value + "}}";
}
inline std::string counted(const std::string& value) {
    return R"({"type":"counter","data":{"id":"c","value":)" + value + "}}";
}
inline std::string vote(const std::string& id, const std::string& answer) {
    return R"({"type":"poll","data":{"id":)" + id + R"(,"answer":)" + answer + "}}";
}

}  // namespace pulse::test
