// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ws/frames.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include <openssl/evp.h>

#include <pulse/protocol/base64.hpp>
#include <pulse/protocol/utf8.hpp>

namespace pulse::mesa::ws {

namespace {

constexpr std::size_t kMaxControlBytes = 125;  // RFC 6455 §5.5
constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;

/// RFC 6455 §4.2.2.
std::string accept_of(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        return {};
    }
    return protocol::encode_base64({reinterpret_cast<const char*>(digest.data()), size});
}

bool is_same_word(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::tolower(static_cast<unsigned char>(a[i])) !=
            std::tolower(static_cast<unsigned char>(b[i]))) {
            return false;
        }
    }
    return true;
}

std::string_view trim(std::string_view text) noexcept {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The value of a header, or nothing; of one that comes twice, the first.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        head = end == std::string_view::npos ? std::string_view{} : head.substr(end + 2);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_same_word(line.substr(0, colon), name)) continue;
        return trim(line.substr(colon + 1));
    }
    return std::nullopt;
}

std::uint64_t big_endian(std::string_view bytes) noexcept {
    std::uint64_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
}

bool is_known(std::uint8_t opcode) noexcept { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

std::string make_key(core::Rng& rng) {
    std::array<char, 16> bytes{};
    rng.fill(std::as_writable_bytes(std::span{bytes}));
    return protocol::encode_base64({bytes.data(), bytes.size()});
}

std::string make_request(const WsAddress& address, const WsClientOptions& options,
                         std::string_view key) {
    std::string out = "GET " + address.target + " HTTP/1.1\r\nHost: " + address.authority +
                      "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
    out.append(key).append("\r\n");
    if (!options.subprotocol.empty()) {
        out.append("Sec-WebSocket-Protocol: ").append(options.subprotocol).append("\r\n");
    }
    for (const auto& [name, value] : options.headers) {
        out.append(name).append(": ").append(value).append("\r\n");
    }
    return out.append("\r\n");
}

std::size_t head_bytes(std::string_view received) noexcept {
    const std::size_t end = received.find("\r\n\r\n");
    return end == std::string_view::npos ? 0 : end + 4;
}

bool is_accepted(std::string_view head, std::string_view key, std::string_view subprotocol) {
    if (!head.starts_with("HTTP/1.1 101 ")) return false;
    const auto upgrade = header(head, "upgrade");
    const auto accept = header(head, "sec-websocket-accept");
    // RFC 6455 §4.1: neither what was not asked for, nor compression, which never is.
    const auto chosen = header(head, "sec-websocket-protocol");
    return upgrade && is_same_word(*upgrade, "websocket") && accept && *accept == accept_of(key) &&
           (!chosen || *chosen == subprotocol) && !header(head, "sec-websocket-extensions");
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask) {
    const std::size_t size = payload.size();
    out.reserve(out.size() + size + 14);
    out += static_cast<char>(kFinal | static_cast<std::uint8_t>(opcode));
    const auto put = [&out](std::uint64_t value, int bytes) {
        for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
    };
    if (size <= kMaxControlBytes) {
        put(kMasked | size, 1);
    } else if (size <= 0xffff) {
        put(kMasked | 126U, 1);
        put(size, 2);
    } else {
        put(kMasked | 127U, 1);
        put(size, 8);
    }
    put(mask, 4);
    for (std::size_t i = 0; i < size; ++i) {
        const auto key = static_cast<std::uint8_t>(mask >> (8 * (3 - i % 4)));
        out += static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ key);
    }
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
    std::string out;
    if (code == kNoCode) return out;
    out += static_cast<char>(code >> 8);
    out += static_cast<char>(code & 0xff);
    std::size_t size = std::min(reason.size(), kMaxControlBytes - 2);
    // Not in the middle of a character.
    while (size < reason.size() && size > 0 && (reason[size] & 0xC0) == 0x80) --size;
    return out.append(reason.substr(0, size));
}

Frame read_frame(std::string_view received, std::size_t max_payload_bytes) noexcept {
    Frame frame;
    if (received.size() < 2) return frame;
    const auto first = static_cast<std::uint8_t>(received[0]);
    const auto second = static_cast<std::uint8_t>(received[1]);
    const std::uint8_t opcode = first & 0x0f;
    // RFC 6455 §5.1: a server masks nothing.
    if ((first & kReserved) != 0 || (second & kMasked) != 0 || !is_known(opcode)) {
        frame.error = kProtocolError;
        return frame;
    }
    frame.opcode = static_cast<Opcode>(opcode);
    frame.is_final = (first & kFinal) != 0;
    const std::size_t length_bytes = second == 126 ? 2 : second == 127 ? 8 : 0;
    if (opcode >= 8 && (!frame.is_final || length_bytes != 0)) {
        frame.error = kProtocolError;
        return frame;
    }
    const std::size_t head = 2 + length_bytes;
    if (received.size() < head) return frame;
    const std::uint64_t size =
        length_bytes == 0 ? second : big_endian(received.substr(2, length_bytes));
    if (size > max_payload_bytes) {
        frame.error = kTooBig;
        return frame;
    }
    if (received.size() - head < size) return frame;
    frame.payload = received.substr(head, static_cast<std::size_t>(size));
    frame.bytes = head + frame.payload.size();
    return frame;
}

Assembler::Result Assembler::whole(std::string_view message) noexcept {
    // Servers send text; one that sends it in binary frames is read alike.
    if (!protocol::is_valid_utf8(message)) return {std::nullopt, kInvalidData};
    return {message, 0};
}

Assembler::Result Assembler::add(const Frame& frame) {
    if ((frame.opcode == Opcode::continuation) != is_open_) return {std::nullopt, kProtocolError};
    if (!is_open_ && frame.is_final) return whole(frame.payload);
    if (!is_open_) parts_.clear();
    if (frame.payload.size() > max_bytes_ - parts_.size()) return {std::nullopt, kTooBig};
    parts_ += frame.payload;
    is_open_ = !frame.is_final;
    if (is_open_) return {};
    return whole(parts_);
}

}  // namespace pulse::mesa::ws
