// SPDX-License-Identifier: MIT OR Apache-2.0
#include "websocket/parser.hpp"

#include "websocket/frame_header.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <new>
#include <utility>

namespace pulse::transport::websocket {

namespace {

constexpr std::size_t kMaxClientHeaderBytes = 14;

// Below this, one more copy is cheaper than one more system call: the shared receive buffer can
// take the rest of the frame and the frames behind it in a single read.
constexpr std::size_t kMinWindowBytes = std::size_t{16} << 10;
constexpr std::size_t kMinMessageCapacity = 256;

constexpr bool is_control(unsigned opcode) { return (opcode & 0x8U) != 0; }

constexpr bool is_known(unsigned opcode) {
    return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

// Of a masked frame, from its second byte.
std::size_t client_header_bytes(std::byte second) {
    const auto code = std::to_integer<unsigned>(second) & 0x7FU;
    return code < 126 ? 6 : code == 126 ? 8 : 14;
}

std::uint64_t load_big_endian(const std::byte* from, std::size_t n) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < n; ++i) {
        value = (value << 8U) | std::to_integer<std::uint64_t>(from[i]);
    }
    return value;
}

}  // namespace

struct Parser::FrameHeader {
    bool fin;
    unsigned opcode;
    unsigned length_code;  // 0 to 127, before extension
    std::uint64_t length;
    MaskKey key;

    // `wire` holds the whole header of a masked frame.
    static FrameHeader decode(const std::byte* wire) noexcept {
        const auto first = std::to_integer<unsigned>(wire[0]);
        const std::size_t size = client_header_bytes(wire[1]);
        FrameHeader header;
        header.fin = (first & 0x80U) != 0;
        header.opcode = first & 0x0FU;
        header.length_code = std::to_integer<unsigned>(wire[1]) & 0x7FU;
        header.length = size == 6 ? header.length_code : load_big_endian(wire + 2, size - 6);
        header.key = load_mask_key(wire + size - 4);
        return header;
    }
};

// What a connection remembers between reads when it is in the middle of something.
struct Parser::Partial {
    // The message so far; its last `size` bytes are unmasked and, in a text, checked.
    std::byte* message = nullptr;
    std::size_t size = 0;
    std::size_t capacity = 0;

    // The frame being received. `remaining` payload bytes are to come, the next one masked with the
    // first byte of `key`.
    std::uint64_t remaining = 0;
    MaskKey key = 0;
    std::uint8_t opcode = 0;
    bool fin = false;
    bool in_frame = false;

    bool in_message = false;
    MessageKind kind = MessageKind::binary;
    Utf8Validator text;

    std::uint8_t header_size = 0;
    std::uint8_t control_size = 0;
    std::array<std::byte, kMaxClientHeaderBytes> header;
    std::array<std::byte, kMaxControlPayloadBytes> control;

    Partial() noexcept {}  // leaves header and control uninitialised
    Partial(const Partial&) = delete;
    Partial& operator=(const Partial&) = delete;
    ~Partial() { std::free(message); }

    [[nodiscard]] bool in_data_frame() const noexcept { return in_frame && !is_control(opcode); }
};

void Parser::PartialDeleter::operator()(Partial* partial) const noexcept { delete partial; }

Parser::Parser() noexcept = default;
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

ParseError Parser::error() const noexcept {
    switch (failure_) {
        case Failure::none:
            return {};
        case Failure::reserved_bit:
            return {1002, "reserved bit set"};
        case Failure::unknown_opcode:
            return {1002, "unknown opcode"};
        case Failure::fragmented_control:
            return {1002, "fragmented control frame"};
        case Failure::long_control:
            return {1002, "control frame too long"};
        case Failure::stray_continuation:
            return {1002, "continuation without a message"};
        case Failure::interleaved_data:
            return {1002, "new message inside a fragmented one"};
        case Failure::unmasked:
            return {1002, "frame not masked"};
        case Failure::length_not_minimal:
            return {1002, "length not minimally encoded"};
        case Failure::length_top_bit:
            return {1002, "length out of range"};
        case Failure::close_payload:
            return {1002, "close payload too short"};
        case Failure::close_code:
            return {1002, "invalid close code"};
        case Failure::close_reason:
            return {1007, "close reason is not UTF-8"};
        case Failure::invalid_text:
            return {1007, "text is not UTF-8"};
        case Failure::frame_too_big:
            return {1009, "frame too big"};
        case Failure::message_too_big:
            return {1009, "message too big"};
        case Failure::out_of_memory:
            return {1011, "out of memory"};
    }
    return {};
}

std::size_t Parser::buffered_bytes() const noexcept {
    return partial_ ? sizeof(Partial) + partial_->capacity : 0;
}

Parser::Event Parser::fail(Failure why) noexcept {
    state_ = State::failed;
    failure_ = why;
    partial_.reset();
    return {EventKind::failed, MessageKind::binary, 0, {}};
}

bool Parser::settle(EventKind handled, bool go_on) noexcept {
    if (!go_on || handled == EventKind::close) {
        state_ = State::stopped;
        partial_.reset();
        return false;
    }
    // Everything may go unless a fragmented message is still open.
    if (partial_ && (handled == EventKind::message || !partial_->in_message)) partial_.reset();
    return true;
}

bool Parser::make_partial() noexcept {
    if (!partial_) partial_.reset(new (std::nothrow) Partial);
    return partial_ != nullptr;
}

// RFC 6455 §5.2 to §5.5, as far as the first two bytes tell.
Parser::Failure Parser::check_first_bytes(const std::byte* wire) const noexcept {
    const auto first = std::to_integer<unsigned>(wire[0]);
    const auto second = std::to_integer<unsigned>(wire[1]);
    const unsigned opcode = first & 0x0FU;
    const bool fin = (first & 0x80U) != 0;
    const bool in_message = partial_ && partial_->in_message;

    if ((first & 0x70U) != 0) return Failure::reserved_bit;
    if (!is_known(opcode)) return Failure::unknown_opcode;
    if ((second & 0x80U) == 0) return Failure::unmasked;
    if (is_control(opcode)) {
        if (!fin) return Failure::fragmented_control;
        if ((second & 0x7FU) > kMaxControlPayloadBytes) return Failure::long_control;
        return Failure::none;
    }
    const bool is_continuation = opcode == 0;
    if (is_continuation && !in_message) return Failure::stray_continuation;
    if (!is_continuation && in_message) return Failure::interleaved_data;
    return Failure::none;
}

Parser::Failure Parser::check_length(const FrameHeader& header,
                                     const Limits& limits) const noexcept {
    // RFC 6455 §5.2: the most significant bit must be 0, the shortest form must be used.
    if ((header.length >> 63U) != 0) return Failure::length_top_bit;
    if (header.length_code == 126 && header.length < 126) return Failure::length_not_minimal;
    if (header.length_code == 127 && header.length <= 0xFFFF) return Failure::length_not_minimal;
    if (is_control(header.opcode)) return Failure::none;

    if (header.length > limits.max_frame_bytes) return Failure::frame_too_big;
    const std::size_t so_far = partial_ ? partial_->size : 0;
    // Never as a sum: it could wrap.
    if (so_far > limits.max_message_bytes || header.length > limits.max_message_bytes - so_far) {
        return Failure::message_too_big;
    }
    return Failure::none;
}

Parser::Event Parser::step(std::byte*& cursor, std::byte* end, const Limits& limits) noexcept {
    while (cursor != end) {
        Event event;
        if (partial_ && partial_->in_frame) {
            event = is_control(partial_->opcode) ? continue_control(cursor, end)
                                                 : continue_data(cursor, end, limits);
        } else {
            event = read_header(cursor, end, limits);
        }
        if (event.kind != EventKind::none) return event;
    }
    return {};
}

Parser::Event Parser::read_header(std::byte*& cursor, std::byte* end,
                                  const Limits& limits) noexcept {
    const auto have = static_cast<std::size_t>(end - cursor);
    const std::byte* wire = cursor;
    const bool continued = partial_ && partial_->header_size != 0;
    if (continued || have < 2 || have < client_header_bytes(cursor[1])) {
        // The header is split between reads: collect it.
        if (!make_partial()) return fail(Failure::out_of_memory);
        const auto collect = [&](std::size_t until) {
            while (partial_->header_size < until && cursor != end) {
                partial_->header[partial_->header_size++] = *cursor++;
            }
            return partial_->header_size >= until;
        };
        wire = partial_->header.data();
        if (!collect(2)) {
            return {};
        }
        if (const Failure why = check_first_bytes(wire); why != Failure::none) return fail(why);
        if (!collect(client_header_bytes(wire[1]))) {
            return {};
        }
        partial_->header_size = 0;
    } else {
        if (const Failure why = check_first_bytes(wire); why != Failure::none) return fail(why);
        cursor += client_header_bytes(wire[1]);
    }
    const FrameHeader header = FrameHeader::decode(wire);
    if (const Failure why = check_length(header, limits); why != Failure::none) return fail(why);
    return begin_frame(header, cursor, end);
}

Parser::Event Parser::begin_frame(const FrameHeader& header, std::byte*& cursor,
                                  std::byte* end) noexcept {
    const bool is_whole = header.length <= static_cast<std::size_t>(end - cursor);
    if (is_whole && is_control(header.opcode)) {
        const auto n = static_cast<std::size_t>(header.length);
        std::byte* const payload = std::exchange(cursor, cursor + n);
        mask(payload, n, header.key);
        return finish_control(header.opcode, {payload, n});
    }
    if (is_whole && header.fin && header.opcode != 0) {
        // Only its header was split: no need to store the payload.
        const auto n = static_cast<std::size_t>(header.length);
        std::byte* const payload = std::exchange(cursor, cursor + n);
        const auto kind = static_cast<MessageKind>(header.opcode);
        if (kind == MessageKind::binary) {
            mask(payload, n, header.key);
        } else if (!unmask_text(payload, n, header.key)) {
            return fail(Failure::invalid_text);
        }
        return {EventKind::message, kind, 0, {payload, n}};
    }

    if (!make_partial()) return fail(Failure::out_of_memory);
    partial_->remaining = header.length;
    partial_->key = header.key;
    partial_->opcode = static_cast<std::uint8_t>(header.opcode);
    partial_->fin = header.fin;
    partial_->in_frame = true;
    if (is_control(header.opcode)) {
        partial_->control_size = 0;
        return {};
    }
    if (header.opcode != 0) {
        partial_->in_message = true;
        partial_->kind = static_cast<MessageKind>(header.opcode);
    }
    // An empty fragment is complete without any further byte.
    return header.length == 0 ? after_payload(0, true) : Event{};
}

Parser::Event Parser::continue_control(std::byte*& cursor, const std::byte* end) noexcept {
    Partial& partial = *partial_;
    const std::size_t n = std::min(static_cast<std::size_t>(partial.remaining),
                                   static_cast<std::size_t>(end - cursor));
    mask_copy(partial.control.data() + partial.control_size, cursor, n, partial.key);
    cursor += n;
    partial.key = advance_mask_key(partial.key, n);
    partial.control_size = static_cast<std::uint8_t>(partial.control_size + n);
    partial.remaining -= n;
    if (partial.remaining != 0) {
        return {};
    }
    partial.in_frame = false;
    return finish_control(partial.opcode, {partial.control.data(), partial.control_size});
}

Parser::Event Parser::continue_data(std::byte*& cursor, const std::byte* end,
                                    const Limits& limits) noexcept {
    Partial& partial = *partial_;
    const auto have = static_cast<std::size_t>(end - cursor);
    const std::size_t n =
        partial.remaining < have ? static_cast<std::size_t>(partial.remaining) : have;
    if (!reserve(partial.size + n, limits)) return fail(Failure::out_of_memory);
    const bool is_ascii = mask_copy(partial.message + partial.size, cursor, n, partial.key);
    cursor += n;
    return after_payload(n, is_ascii);
}

// Grows with what has come, not with what was announced, to at most twice that.
bool Parser::reserve(std::size_t bytes, const Limits& limits) noexcept {
    Partial& partial = *partial_;
    if (bytes <= partial.capacity) return true;
    // The last frame of a message tells its final size; before that only the limit does.
    const std::size_t bound = partial.fin
                                  ? partial.size + static_cast<std::size_t>(partial.remaining)
                                  : limits.max_message_bytes;
    const std::size_t wish = std::max(2 * bytes, kMinMessageCapacity);
    const std::size_t capacity = std::max(bytes, std::min(wish, bound));
    void* const grown = std::realloc(partial.message, capacity);
    if (grown == nullptr) return false;
    partial.message = static_cast<std::byte*>(grown);
    partial.capacity = capacity;
    return true;
}

std::span<std::byte> Parser::receive_window(const Limits& limits) noexcept {
    if (!partial_ || !partial_->in_data_frame() || partial_->remaining < kMinWindowBytes) {
        return {};
    }
    Partial& partial = *partial_;
    if (partial.capacity - partial.size < kMinWindowBytes &&
        !reserve(partial.size + kMinWindowBytes, limits)) {
        return {};  // `consume` will meet the same lack of memory and say so
    }
    const std::size_t room = partial.capacity - partial.size;
    const std::size_t n =
        partial.remaining < room ? static_cast<std::size_t>(partial.remaining) : room;
    return {partial.message + partial.size, n};
}

Parser::Event Parser::commit_window(std::size_t n) noexcept {
    Partial& partial = *partial_;
    assert(partial.in_data_frame() && n <= partial.remaining &&
           n <= partial.capacity - partial.size);
    const bool is_ascii = mask(partial.message + partial.size, n, partial.key);
    return after_payload(n, is_ascii);
}

// `fresh` payload bytes lie unmasked behind the message's end.
Parser::Event Parser::after_payload(std::size_t fresh, bool is_ascii) noexcept {
    Partial& partial = *partial_;
    const bool is_text = partial.kind == MessageKind::text;
    const bool is_surely_valid = is_ascii && partial.text.complete();
    if (is_text && !is_surely_valid &&
        !partial.text.update({partial.message + partial.size, fresh})) {
        return fail(Failure::invalid_text);
    }
    partial.size += fresh;
    partial.remaining -= fresh;
    partial.key = advance_mask_key(partial.key, fresh);
    if (partial.remaining != 0) {
        return {};
    }
    partial.in_frame = false;
    if (!partial.fin) {
        return {};
    }
    if (is_text && !partial.text.complete()) return fail(Failure::invalid_text);
    return {EventKind::message, partial.kind, 0, {partial.message, partial.size}};
}

Parser::Event Parser::finish_control(unsigned opcode, ByteView payload) noexcept {
    Event event;
    event.payload = payload;
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::ping:
            event.kind = EventKind::ping;
            return event;
        case Opcode::pong:
            event.kind = EventKind::pong;
            return event;
        default:
            break;
    }
    event.kind = EventKind::close;
    event.close_code = 1005;  // RFC 6455 §7.1.5: no status received
    if (payload.empty()) return event;
    if (payload.size() == 1) return fail(Failure::close_payload);
    event.close_code = static_cast<std::uint16_t>(load_big_endian(payload.data(), 2));
    event.payload = payload.subspan(2);
    if (!is_wire_close_code(event.close_code)) return fail(Failure::close_code);
    if (!is_valid_utf8(event.payload)) return fail(Failure::close_reason);
    return event;
}

}  // namespace pulse::transport::websocket
