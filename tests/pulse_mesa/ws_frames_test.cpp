// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "ws/frames.hpp"

#include <string>
#include <string_view>

namespace {

using namespace pulse::mesa;

constexpr std::size_t kMost = 1'000;
// RFC 6455 §1.3
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

std::string head(std::string_view accept, std::string_view more = {},
                 std::string_view status = "101 Switching Protocols") {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nConnection: Upgrade\r\nUPGRADE: WebSocket\r\nSec-WebSocket-Accept: " +
           std::string(accept) + "\r\n" + std::string(more) + "\r\n";
}

std::string frame(unsigned first, std::string_view payload) {
    return std::string{static_cast<char>(first), static_cast<char>(payload.size())} +
           std::string(payload);
}

TEST_CASE("an answer is accepted when it fits the request", "[mesa][frames]") {
    constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    CHECK(ws::is_accepted(head(kAccept), kKey, ""));
    CHECK(ws::is_accepted(head(kAccept, "Sec-WebSocket-Protocol: x\r\n"), kKey, "x"));
    CHECK_FALSE(ws::is_accepted(head(kAccept, "Sec-WebSocket-Protocol: y\r\n"), kKey, "x"));
    CHECK_FALSE(ws::is_accepted(head(kAccept, "Sec-WebSocket-Extensions: d\r\n"), kKey, ""));
    CHECK_FALSE(ws::is_accepted(head("s3pPLMBiTxaQ9kYGzzhZRbK+xOp="), kKey, ""));
    CHECK_FALSE(ws::is_accepted(head(kAccept, "", "200 OK"), kKey, ""));
    CHECK_FALSE(ws::is_accepted("HTTP/1.1 101 x\r\n\r\n", kKey, ""));
    CHECK(ws::head_bytes("a\r\n\r\nb") == 5);
    CHECK(ws::head_bytes("a\r\n\r") == 0);
}

TEST_CASE("frames are masked as servers want them", "[mesa][frames]") {
    // RFC 6455 §5.7
    std::string out;
    ws::append_frame(out, ws::Opcode::text, "Hello", 0x37fa213d);
    CHECK(out == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    for (const auto& [size, bytes] :
         {std::pair{125U, 6U}, {126U, 8U}, {65'535U, 8U}, {65'536U, 14U}}) {
        out.clear();
        ws::append_frame(out, ws::Opcode::text, std::string(size, 'x'), 0);
        CHECK(out.size() == size + bytes);
    }
}

TEST_CASE("a frame is there when all of it is", "[mesa][frames]") {
    const std::string text = frame(0x81, "Hello");
    for (std::size_t size = 0; size < text.size(); ++size) {
        const ws::Frame part = ws::read_frame(std::string_view(text).substr(0, size), kMost);
        CHECK(part.bytes == 0);
        CHECK(part.error == 0);
    }
    const std::string more = text + "more";
    const ws::Frame whole = ws::read_frame(more, kMost);
    CHECK(whole.bytes == text.size());
    CHECK(whole.payload == "Hello");
    CHECK(whole.is_final);
}

TEST_CASE("frames that no server may send are refused by their head", "[mesa][frames]") {
    using namespace std::string_literals;
    for (const std::string& each : {"\x81\x85"s, "\xc1\x01"s, "\x83\x01"s, "\x8b\x01"s, "\x09\x01"s,
                                    "\x89\x7e"s, "\x88\x7f"s}) {
        CHECK(ws::read_frame(each, kMost).error == ws::kProtocolError);
    }
    CHECK(ws::read_frame("\x81\x7e\x03\xe9"s, kMost).error == ws::kTooBig);
    CHECK(ws::read_frame("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s, kMost).error == ws::kTooBig);
}

TEST_CASE("parts make one message, between which others' frames may come", "[mesa][frames]") {
    ws::Assembler assembler(10);
    std::string bytes;  // what add() returns may refer to it
    const auto add = [&](unsigned first, std::string_view payload) {
        bytes = frame(first, payload);
        return assembler.add(ws::read_frame(bytes, kMost));
    };
    CHECK(*add(0x81, "one").message == "one");
    CHECK_FALSE(add(0x01, "\xc3").message);
    CHECK_FALSE(add(0x00, "\xa9").message);
    CHECK(*add(0x80, "!").message == "\xc3\xa9!");
    CHECK(add(0x80, "x").error == ws::kProtocolError);
    CHECK(add(0x81, "\xff").error == ws::kInvalidData);
    CHECK_FALSE(add(0x02, "12345").message);
    CHECK(add(0x00, "123456").error == ws::kTooBig);
    CHECK(add(0x81, "x").error == ws::kProtocolError);
}

TEST_CASE("a reason is cut between characters", "[mesa][frames]") {
    CHECK(ws::close_payload(1000, "bye") ==
          "\x03\xe8"
          "bye");
    CHECK(ws::close_payload(ws::kNoCode, "bye").empty());
    const std::string reason = std::string(122, 'x') + "\xc3\xa9";
    CHECK(ws::close_payload(1000, reason).size() == 2 + 122);
}

}  // namespace
