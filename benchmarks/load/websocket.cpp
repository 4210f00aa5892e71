// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

namespace pulse::load {
namespace websocket {
namespace {

// A fixed key lets the expected answer be a constant: this pair is the example of RFC 6455 §1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

}  // namespace

std::string upgrade_request(const ProtocolOptions& options) {
    return "GET " + options.path + " HTTP/1.1\r\nHost: " + options.host + ":" +
           std::to_string(options.port) +
           "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " +
           std::string(kKey) + "\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

std::size_t frame_header_bytes(std::size_t payload_bytes) {
    constexpr std::size_t kMask = 4;
    if (payload_bytes < 126) return 2 + kMask;
    return (payload_bytes <= 0xFFFF ? 4U : 10U) + kMask;
}

std::string frame(Opcode opcode, std::string_view payload) {
    std::string out;
    out.reserve(frame_header_bytes(payload.size()) + payload.size());
    out.push_back(static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
    const auto append_length = [&](unsigned marker, unsigned bytes) {
        out.push_back(static_cast<char>(0x80U | marker));
        for (unsigned i = bytes; i-- > 0;) {
            out.push_back(static_cast<char>((payload.size() >> (8 * i)) & 0xFFU));
        }
    };
    if (payload.size() < 126) {
        append_length(static_cast<unsigned>(payload.size()), 0);
    } else if (payload.size() <= 0xFFFF) {
        append_length(126, 2);
    } else {
        append_length(127, 8);
    }
    out.append(4, '\0');
    out.append(payload);
    return out;
}

RequestTemplate framed(const std::string& message, std::size_t payload_at, Opcode opcode) {
    return {.bytes = frame(opcode, message),
            .stamp_at = frame_header_bytes(message.size()) + payload_at};
}

}  // namespace websocket

namespace {

using websocket::Opcode;

constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

std::string_view header_value(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t begin = at + 2;
        at = head.find("\r\n", begin);
        std::string_view line = head.substr(begin, at == std::string_view::npos ? at : at - begin);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        if (!equal_ignoring_case(line.substr(0, colon), name)) continue;
        line.remove_prefix(colon + 1);
        while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
        return line;
    }
    return {};
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
    return value;
}

}  // namespace

void WebSocketReader::feed(std::string_view bytes, ReaderEvents& events) {
    if (failed_) return;
    // Parse straight from the caller's bytes unless a piece of an earlier read waits in front.
    const bool buffered = !buffer_.empty();
    if (buffered) buffer_.append(bytes);
    std::string_view input = buffered ? std::string_view(buffer_) : bytes;
    Step step = Step::done;
    while (step == Step::done && !input.empty()) {
        step = upgraded_ ? take_frame(input, events) : take_response(input, events);
    }
    if (step == Step::failed) {
        failed_ = true;
        buffer_.clear();
    } else if (buffered) {
        buffer_.erase(0, buffer_.size() - input.size());
    } else {
        buffer_.assign(input);
    }
}

WebSocketReader::Step WebSocketReader::take_response(std::string_view& bytes,
                                                     ReaderEvents& events) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (bytes.size() <= kMaxResponseBytes) return Step::need_more;
        fail("endless upgrade response", events);
        return Step::failed;
    }
    const std::string_view head = bytes.substr(0, end);
    if (!head.starts_with("HTTP/1.1 101 ")) {
        fail("upgrade refused: " + std::string(head.substr(0, head.find("\r\n"))), events);
        return Step::failed;
    }
    if (header_value(head, "sec-websocket-accept") != kAccept) {
        fail("wrong Sec-WebSocket-Accept", events);
        return Step::failed;
    }
    bytes.remove_prefix(end + 4);
    upgraded_ = true;
    on_upgraded(events);
    return Step::done;
}

WebSocketReader::Step WebSocketReader::take_frame(std::string_view& bytes, ReaderEvents& events) {
    if (bytes.size() < 2) return Step::need_more;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    const auto refuse = [&](const char* what) {
        fail(what, events);
        return Step::failed;
    };
    if ((first & 0x70U) != 0) return refuse("reserved bits set in a frame");
    if ((second & 0x80U) != 0) return refuse("masked frame from the server");
    std::size_t header = 2;
    std::uint64_t length = second & 0x7FU;
    if (length >= 126) {
        const std::size_t extra = length == 126 ? 2 : 8;
        if (bytes.size() < header + extra) return Step::need_more;
        length = big_endian(bytes.substr(header, extra));
        header += extra;
        if (length < 126 || (extra == 8 && length <= 0xFFFF)) {
            return refuse("frame length not in its shortest form");
        }
    }
    if (length > kMaxMessageBytes) return refuse("frame larger than 64 MiB");
    if (bytes.size() - header < length) return Step::need_more;
    const Frame frame{.opcode = static_cast<Opcode>(first & 0x0FU),
                      .fin = (first & 0x80U) != 0,
                      .payload = bytes.substr(header, static_cast<std::size_t>(length))};
    bytes.remove_prefix(header + static_cast<std::size_t>(length));
    return on_frame(frame, events) ? Step::done : Step::failed;
}

bool WebSocketReader::on_frame(const Frame& frame, ReaderEvents& events) {
    switch (frame.opcode) {
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            return on_control(frame, events);
        case Opcode::text:
        case Opcode::binary:
            if (in_message_) return fail("new message inside a fragmented one", events);
            if (frame.fin) return on_message(frame.opcode, frame.payload, events);
            in_message_ = true;
            message_opcode_ = frame.opcode;
            message_.assign(frame.payload);
            return true;
        case Opcode::continuation:
            if (!in_message_) return fail("continuation without a beginning", events);
            if (frame.payload.size() > kMaxMessageBytes - message_.size()) {
                return fail("message larger than 64 MiB", events);
            }
            message_.append(frame.payload);
            if (!frame.fin) return true;
            in_message_ = false;
            return on_message(message_opcode_, message_, events);
    }
    return fail("unknown opcode", events);
}

bool WebSocketReader::on_control(const Frame& frame, ReaderEvents& events) {
    if (!frame.fin || frame.payload.size() > 125) return fail("bad control frame", events);
    if (frame.opcode == Opcode::ping) {
        events.on_reply(websocket::frame(Opcode::pong, frame.payload));
    } else if (frame.opcode == Opcode::close) {
        const bool has_code = frame.payload.size() >= 2;
        const auto code = has_code ? big_endian(frame.payload.substr(0, 2)) : 1005;
        std::string reason(has_code ? frame.payload.substr(2) : std::string_view{});
        return fail("closed by the server: " + std::to_string(code) + " " + reason, events);
    }
    return true;
}

bool WebSocketReader::fail(std::string what, ReaderEvents& events) {
    events.on_fault(std::move(what));
    return false;
}

}  // namespace pulse::load
