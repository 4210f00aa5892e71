// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server's side of RFC 6455 framing: bytes from one client in, whole messages out. No I/O.
//
// Two facts shaped it. Nearly every frame is short, unfragmented and complete in the receive
// buffer, so that case is a loop in this header which unmasks in place, hands out a view and stores
// nothing. And most connections are idle, so everything else (a split header, a frame still
// arriving, fragments of a message) lives in a `Partial` that exists only meanwhile.
#pragma once

#include "websocket/mask.hpp"
#include "websocket/utf8.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include <pulse/protocol/bytes.hpp>

namespace pulse::transport::websocket {

using protocol::ByteView;

/// Enumerators carry the opcodes of RFC 6455 section 5.2.
enum class MessageKind : std::uint8_t { text = 1, binary = 2 };

/// Bounds of what one client may send. Shared by all connections of a listener: passed to each
/// call.
struct Limits {
    /// Payload of a single WebSocket frame.
    std::size_t max_frame_bytes = std::size_t{16} << 20;
    /// A message put together from its fragments. Fragments cost their bytes, however many they
    /// are.
    std::size_t max_message_bytes = std::size_t{64} << 20;
};

/// Why a stream was refused: what to put into the close frame. `text` is a literal.
struct ParseError {
    std::uint16_t close_code = 0;  // 1002 protocol, 1007 UTF-8, 1009 too big, 1011 out of memory
    std::string_view text;
};

/// What a Parser calls. Views end with the call; the handler must not call or destroy the parser.
/// Returning false stops parsing at once and for good (the connection is being closed or moved).
template <typename H>
concept ParserHandler = requires(H& handler, MessageKind kind, ByteView bytes, std::uint16_t code,
                                 std::string_view reason) {
    { handler.on_message(kind, bytes) } -> std::same_as<bool>;
    { handler.on_ping(bytes) } -> std::same_as<bool>;
    { handler.on_pong(bytes) } -> std::same_as<bool>;
    // A close frame without payload is reported as 1005. Nothing after it is parsed.
    { handler.on_close(code, reason) } -> std::same_as<bool>;
};

enum class ParseStatus : std::uint8_t {
    ok,       // all input consumed
    stopped,  // the handler returned false, or a close frame came: no further input is taken
    failed,   // see Parser::error; no further input is taken
};

struct ParseResult {
    ParseStatus status = ParseStatus::ok;
    std::size_t consumed = 0;  // bytes of this call's input that were used
};

/// Loop-bound. 16 bytes when idle.
class Parser {
  public:
    Parser() noexcept;
    ~Parser();
    Parser(Parser&&) noexcept;
    Parser& operator=(Parser&&) noexcept;
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    /// Parses `n` bytes at `data`, unmasking them in place, and calls `handler` for each message
    /// and control frame that they complete. Data behind a stop or a failure is left as it is.
    template <ParserHandler H>
    ParseResult consume(std::byte* data, std::size_t n, const Limits& limits, H& handler);

    /// Where the rest of a large incomplete data frame can be received without another copy: free
    /// space in the message's own buffer, never longer than the rest of that frame. Empty when
    /// there is no such frame, in which case receive anywhere and call `consume`. Valid until the
    /// next call.
    [[nodiscard]] std::span<std::byte> receive_window(const Limits& limits) noexcept;

    /// Takes the first `n` bytes of the window last returned, as `consume` would have.
    template <ParserHandler H>
    ParseResult commit(std::size_t n, H& handler);

    /// Bytes of memory held for an unfinished frame or message; 0 when idle. For memory budgets.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept;

    /// In the middle of a frame or a fragmented message.
    [[nodiscard]] bool has_partial_input() const noexcept { return partial_ != nullptr; }

    /// The reason of ParseStatus::failed.
    [[nodiscard]] ParseError error() const noexcept;

  private:
    struct Partial;
    struct PartialDeleter {
        void operator()(Partial* partial) const noexcept;
    };

    enum class State : std::uint8_t { open, stopped, failed };
    enum class Failure : std::uint8_t {
        none,
        reserved_bit,
        unknown_opcode,
        fragmented_control,
        long_control,
        stray_continuation,
        interleaved_data,
        unmasked,
        length_not_minimal,
        length_top_bit,
        close_payload,
        close_code,
        close_reason,
        invalid_text,
        frame_too_big,
        message_too_big,
        out_of_memory,
    };

    enum class EventKind : std::uint8_t { none, message, ping, pong, close, failed };
    struct Event {
        EventKind kind = EventKind::none;
        MessageKind message_kind = MessageKind::binary;
        std::uint16_t close_code = 0;
        ByteView payload;  // for a close: its reason
    };
    struct FrameHeader;

    // The common case: if a whole, unfragmented data frame lies at `cursor`, unmasks it, steps over
    // it and returns it as event. Otherwise `none`, and nothing was touched.
    Event take_whole_message(std::byte*& cursor, const std::byte* end,
                             const Limits& limits) noexcept;

    // The general case: takes bytes from `cursor` until an event is due. `none`: all input was
    // used.
    Event step(std::byte*& cursor, std::byte* end, const Limits& limits) noexcept;
    Event read_header(std::byte*& cursor, std::byte* end, const Limits& limits) noexcept;
    Event begin_frame(const FrameHeader& header, std::byte*& cursor, std::byte* end) noexcept;
    Event continue_data(std::byte*& cursor, const std::byte* end, const Limits& limits) noexcept;
    Event continue_control(std::byte*& cursor, const std::byte* end) noexcept;
    Event commit_window(std::size_t n) noexcept;
    Event after_payload(std::size_t fresh, bool is_ascii) noexcept;
    Event finish_control(unsigned opcode, ByteView payload) noexcept;
    Event fail(Failure why) noexcept;

    Failure check_first_bytes(const std::byte* wire) const noexcept;
    Failure check_length(const FrameHeader& header, const Limits& limits) const noexcept;
    bool make_partial() noexcept;
    bool reserve(std::size_t bytes, const Limits& limits) noexcept;

    template <ParserHandler H>
    static bool dispatch(const Event& event, H& handler);

    // Frees what the event just handled had needed. Returns whether to go on.
    bool settle(EventKind handled, bool go_on) noexcept;

    [[nodiscard]] ParseStatus status() const noexcept {
        return state_ == State::open      ? ParseStatus::ok
               : state_ == State::stopped ? ParseStatus::stopped
                                          : ParseStatus::failed;
    }

    std::unique_ptr<Partial, PartialDeleter> partial_;
    State state_ = State::open;
    Failure failure_ = Failure::none;
};

static_assert(sizeof(Parser) <= 16);

inline Parser::Event Parser::take_whole_message(std::byte*& cursor, const std::byte* end,
                                                const Limits& limits) noexcept {
    const auto have = static_cast<std::size_t>(end - cursor);
    if (have < 6) {
        return {};
    }
    const auto first = std::to_integer<unsigned>(cursor[0]);
    const auto second = std::to_integer<unsigned>(cursor[1]);
    // FIN with opcode text or binary and no reserved bit, and the mask bit.
    if ((first != 0x81 && first != 0x82) || second < 0x80) {
        return {};
    }

    std::size_t length = second & 0x7FU;
    std::size_t header_bytes = 6;
    if (length == 126) {
        if (have < 8) {
            return {};
        }
        length = (std::to_integer<std::size_t>(cursor[2]) << 8U) |
                 std::to_integer<std::size_t>(cursor[3]);
        header_bytes = 8;
        if (length < 126) {
            return {};
        }
    } else if (length == 127) {
        if (have < 14) {
            return {};
        }
        std::uint64_t wide = 0;
        for (int i = 2; i < 10; ++i) {
            wide = (wide << 8U) | std::to_integer<std::uint64_t>(cursor[i]);
        }
        header_bytes = 14;
        if (wide < 0x10000 || wide > have) {
            return {};
        }
        length = static_cast<std::size_t>(wide);
    }
    if (length > have - header_bytes || length > limits.max_frame_bytes ||
        length > limits.max_message_bytes) {
        return {};
    }

    std::byte* const payload = cursor + header_bytes;
    const MaskKey key = load_mask_key(payload - 4);
    Event event{EventKind::message, MessageKind::binary, 0, ByteView{payload, length}};
    if (first == 0x82) {
        mask(payload, length, key);
    } else {
        event.message_kind = MessageKind::text;
        if (!unmask_text(payload, length, key)) return fail(Failure::invalid_text);
    }
    cursor = payload + length;
    return event;
}

template <ParserHandler H>
bool Parser::dispatch(const Event& event, H& handler) {
    switch (event.kind) {
        case EventKind::message:
            return handler.on_message(event.message_kind, event.payload);
        case EventKind::ping:
            return handler.on_ping(event.payload);
        case EventKind::pong:
            return handler.on_pong(event.payload);
        case EventKind::close:
            return handler.on_close(event.close_code, protocol::as_text(event.payload));
        case EventKind::none:
        case EventKind::failed:
            break;
    }
    return false;
}

template <ParserHandler H>
ParseResult Parser::consume(std::byte* data, std::size_t n, const Limits& limits, H& handler) {
    std::byte* cursor = data;
    std::byte* const end = data + n;
    while (state_ == State::open && cursor != end) {
        Event event;
        if (!partial_) event = take_whole_message(cursor, end, limits);
        if (event.kind == EventKind::message) {
            if (!handler.on_message(event.message_kind, event.payload)) state_ = State::stopped;
            continue;
        }
        if (event.kind == EventKind::none) event = step(cursor, end, limits);
        if (event.kind == EventKind::none || event.kind == EventKind::failed) break;
        if (!settle(event.kind, dispatch(event, handler))) break;
    }
    return {status(), static_cast<std::size_t>(cursor - data)};
}

template <ParserHandler H>
ParseResult Parser::commit(std::size_t n, H& handler) {
    if (state_ != State::open) {
        return {status(), 0};
    }
    const Event event = commit_window(n);
    if (event.kind != EventKind::none && event.kind != EventKind::failed) {
        settle(event.kind, dispatch(event, handler));
    }
    return {status(), n};
}

}  // namespace pulse::transport::websocket
