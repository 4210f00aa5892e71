// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/frame_header.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <websocketpp/close.hpp>
#include <websocketpp/frame.hpp>

namespace ws = pulse::transport::websocket;
using pulse::protocol::as_bytes;
using pulse::protocol::as_text;
using ws::ControlFrame;
using ws::Opcode;

namespace {

std::string header(Opcode opcode, std::uint64_t size, bool fin = true) {
    std::array<std::byte, ws::kMaxServerHeaderBytes> out{};
    const std::size_t n = ws::write_frame_header(out.data(), opcode, size, fin);
    return std::string(as_text({out.data(), n}));
}

std::string websocketpp_header(Opcode opcode, std::uint64_t size, bool fin) {
    namespace frame = websocketpp::frame;
    const auto code = static_cast<frame::opcode::value>(opcode);
    return frame::prepare_header(frame::basic_header(code, size, fin, false),
                                 frame::extended_header(size));
}

std::string close_payload(std::uint16_t code, std::string_view reason = {}) {
    const ControlFrame frame = ControlFrame::make_close(code, reason);
    const std::string wire(as_text(frame.bytes()));
    REQUIRE(wire.size() >= 2);
    CHECK(wire[0] == '\x88');
    CHECK(static_cast<std::size_t>(wire[1]) == wire.size() - 2);
    return wire.substr(2);
}

}  // namespace

TEST_CASE("headers take the shortest form and agree with websocketpp's", "[websocket][frame]") {
    for (const std::uint64_t size :
         {0ULL, 1ULL, 124ULL, 125ULL, 126ULL, 127ULL, 255ULL, 256ULL, 65'534ULL, 65'535ULL,
          65'536ULL, 16'777'216ULL, 0xFFFF'FFFFULL, 0x1'0000'0000ULL, 0x7FFF'FFFF'FFFF'FFFFULL}) {
        for (const Opcode opcode : {Opcode::binary, Opcode::text, Opcode::continuation}) {
            for (const bool fin : {true, false}) {
                CHECK(header(opcode, size, fin) == websocketpp_header(opcode, size, fin));
            }
        }
        CHECK(header(Opcode::binary, size).size() == ws::frame_header_size(size));
    }
    CHECK(ws::frame_header_size(125) == 2);
    CHECK(ws::frame_header_size(126) == 4);
    CHECK(ws::frame_header_size(65'536) == 10);
}

TEST_CASE("control frames carry their payload", "[websocket][frame]") {
    CHECK(as_text(ControlFrame::make(Opcode::pong, as_bytes("abc")).bytes()) ==
          "\x8A\x03"
          "abc");
    CHECK(as_text(ControlFrame::make(Opcode::ping, {}).bytes()) == std::string("\x89\x00", 2));
    const std::string full(125, 'p');
    CHECK(as_text(ControlFrame::make(Opcode::pong, as_bytes(full)).bytes()) == "\x8A\x7D" + full);
}

TEST_CASE("a close frame carries code and reason", "[websocket][frame]") {
    CHECK(close_payload(1000) == "\x03\xE8");
    CHECK(close_payload(4001, "bye") ==
          "\x0F\xA1"
          "bye");
}

TEST_CASE("a close reason is cut between code points to what fits", "[websocket][frame]") {
    CHECK(close_payload(1000, std::string(123, 'r')).size() == 125);
    CHECK(close_payload(1000, std::string(124, 'r')) == "\x03\xE8" + std::string(123, 'r'));
    // The euro sign would take bytes 122 to 124.
    CHECK(close_payload(1000, std::string(121, 'r') + "\xE2\x82\xAC").size() == 2 + 121);
    CHECK(close_payload(1000, std::string(120, 'r') + "\xE2\x82\xAC").size() == 2 + 123);
    CHECK(close_payload(1000, "ok\xFFnot") == "\x03\xE8ok");
}

TEST_CASE("codes that must not be on the wire give a close frame without payload",
          "[websocket][frame]") {
    CHECK(close_payload(1005, "reason").empty());
    CHECK(close_payload(1006).empty());
    CHECK(close_payload(0).empty());
}

TEST_CASE("the close codes allowed on the wire are those websocketpp allows",
          "[websocket][frame]") {
    std::size_t differences = 0;
    for (unsigned code = 0; code <= 0xFFFF; ++code) {
        const auto value = static_cast<std::uint16_t>(code);
        const bool expected = !websocketpp::close::status::invalid(value) &&
                              !websocketpp::close::status::reserved(value);
        differences += ws::is_wire_close_code(value) == expected ? 0U : 1U;
    }
    CHECK(differences == 0);
    CHECK(ws::is_wire_close_code(1014));
    CHECK_FALSE(ws::is_wire_close_code(1004));
    CHECK_FALSE(ws::is_wire_close_code(1015));
    CHECK_FALSE(ws::is_wire_close_code(2999));
    CHECK_FALSE(ws::is_wire_close_code(5000));
}
