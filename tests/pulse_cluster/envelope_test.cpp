// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace pulse;
using namespace pulse::cluster;

namespace {

constexpr NodeId kNode{0x1122334455667788, 0x99aabbccddeeff00};

std::string records() {
    std::string out;
    core::PublicationView full{"news"};
    full.event = "ev";
    full.payload = protocol::as_bytes("payload");
    full.source = core::SessionId{{5, 6}};
    full.timestamp_ms = 1234;
    append_record(full, out);
    append_record(core::PublicationView{"news"}, out);
    return out;
}

/// All bytes of the input, read or refused, but never read beyond (a sanitizer would say so).
void read_all(const std::string& bytes) {
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const auto envelope = read_envelope({exact.data(), exact.size()});
    if (!envelope) return;
    std::string_view rest = envelope->records;
    for (std::size_t i = 0; i < envelope->count; ++i) {
        core::PublicationView view;
        REQUIRE(read_record(rest, view));
    }
    CHECK(rest.empty());
}

}  // namespace

TEST_CASE("an envelope gives back what was put in", "[cluster][envelope]") {
    for (const bool is_kept : {false, true}) {
        const std::string place = is_kept ? "00000000000000ab 17\n" : "";
        const std::string bytes = envelope_head(is_kept, kNode, 42) + place + records();
        const auto envelope = read_envelope(bytes);
        REQUIRE(envelope);
        CHECK(envelope->is_kept == is_kept);
        CHECK(envelope->node == kNode);
        CHECK(envelope->batch == 42);
        CHECK(envelope->count == 2);
        CHECK(envelope->first ==
              (is_kept ? core::StreamPosition{17, 0xab} : core::StreamPosition{}));
        std::string_view rest = envelope->records;
        core::PublicationView full;
        REQUIRE(read_record(rest, full));
        CHECK(full.event == "ev");
        CHECK(protocol::as_text(full.payload) == "payload");
        CHECK(full.source == core::SessionId{{5, 6}});
        CHECK(full.timestamp_ms == 1234);
        core::PublicationView bare;
        REQUIRE(read_record(rest, bare));
        CHECK_FALSE(bare.event);
        CHECK_FALSE(bare.source);
        CHECK(bare.payload.empty());
        CHECK(rest.empty());
    }
}

TEST_CASE("an envelope that is cut, changed or foreign is refused or harmless",
          "[cluster][envelope]") {
    const std::string whole = envelope_head(true, kNode, 42) + "00000000000000ab 17\n" + records();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        INFO(n);
        read_all(whole.substr(0, n));
        for (const int byte : {0, 1, 0x7f, 0x80, 0xff}) {
            std::string changed = whole;
            changed[n] = static_cast<char>(byte);
            read_all(changed);
        }
    }
    CHECK_FALSE(read_envelope(""));
    CHECK_FALSE(read_envelope(envelope_head(false, kNode, 1)));
    CHECK_FALSE(read_envelope(envelope_head(true, kNode, 1) + records()));
    CHECK_FALSE(read_envelope(envelope_head(true, kNode, 1) + "0000000000000000 17\n" + records()));
    CHECK_FALSE(read_envelope(envelope_head(true, kNode, 1) + "00000000000000ab 0\n" + records()));
    CHECK_FALSE(read_envelope(envelope_head(true, kNode, 1) +
                              "00000000000000ab 18446744073709551615\n" + records()));
    CHECK_FALSE(read_envelope("{\"json\":\"of somebody else, and long enough to be a head\"}"));
}

TEST_CASE("epochs are text of 16 digits", "[cluster][envelope]") {
    CHECK(epoch_text(0xab) == "00000000000000ab");
    CHECK(epoch_text(~std::uint64_t{0}) == "ffffffffffffffff");
    CHECK(parse_epoch(epoch_text(0x0123456789abcdef)) == 0x0123456789abcdef);
    for (const char* text :
         {"", "ab", "00000000000000xy", "000000000000000ab", "-0000000000000ab"}) {
        CHECK(parse_epoch(text) == 0);
    }
}
