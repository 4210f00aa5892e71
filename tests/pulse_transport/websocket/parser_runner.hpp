// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Feeds a stream to a Parser in given pieces and writes down what came out.
#pragma once

#include "websocket/parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::test {

namespace ws = transport::websocket;

/// One call of the handler.
struct Heard {
    std::string what;  // "text", "binary", "ping", "pong" or "close <code>"
    std::string bytes;

    bool operator==(const Heard&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Heard& heard) {
    return out << heard.what << '[' << heard.bytes.size() << "] " << heard.bytes.substr(0, 40);
}

struct Outcome {
    std::vector<Heard> heard;
    std::uint16_t error_code = 0;  // 0 unless the stream was refused
    std::size_t error_offset = 0;  // bytes given when it was

    bool operator==(const Outcome&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    for (const Heard& heard : outcome.heard) out << heard << "; ";
    return out << "error " << outcome.error_code;
}

class Recorder {
  public:
    bool on_message(ws::MessageKind kind, ws::ByteView bytes) {
        return add(kind == ws::MessageKind::text ? "text" : "binary", bytes);
    }
    bool on_ping(ws::ByteView bytes) { return add("ping", bytes); }
    bool on_pong(ws::ByteView bytes) { return add("pong", bytes); }
    bool on_close(std::uint16_t code, std::string_view reason) {
        return add("close " + std::to_string(code), protocol::as_bytes(reason));
    }

    std::vector<Heard> heard;
    std::size_t stop_at = SIZE_MAX;  // returns false from this call on, counted from 1

  private:
    bool add(std::string what, ws::ByteView bytes) {
        heard.push_back({std::move(what), std::string(protocol::as_text(bytes))});
        return heard.size() < stop_at;
    }
};

/// Keeps a parser, its handler and its limits together.
class Runner {
  public:
    explicit Runner(const ws::Limits& limits = {}) : limits_(limits) {}

    /// Gives one piece, from a heap block of exactly its size so that sanitizers see every
    /// overstep.
    ws::ParseStatus give(std::string_view piece) {
        std::vector<std::byte> block(piece.size());
        if (!piece.empty()) std::memcpy(block.data(), piece.data(), piece.size());
        const auto result = parser.consume(block.data(), block.size(), limits_, recorder);
        given_ += result.consumed;
        return note(result.status);
    }

    /// The same, through the receive window while there is one.
    ws::ParseStatus give_directly(std::string_view piece) {
        auto status = ws::ParseStatus::ok;
        while (!piece.empty() && status == ws::ParseStatus::ok) {
            const auto window = parser.receive_window(limits_);
            if (window.empty()) return give(piece);
            windows += 1;
            const std::size_t n = std::min(window.size(), piece.size());
            std::memcpy(window.data(), piece.data(), n);
            status = note(parser.commit(n, recorder).status);
            given_ += n;
            piece.remove_prefix(n);
        }
        return status;
    }

    [[nodiscard]] Outcome outcome() const {
        return {recorder.heard, parser.error().close_code, error_offset_};
    }

    ws::Parser parser;
    Recorder recorder;
    std::size_t windows = 0;

  private:
    ws::ParseStatus note(ws::ParseStatus status) {
        if (status == ws::ParseStatus::failed && error_offset_ == 0) error_offset_ = given_;
        return status;
    }

    ws::Limits limits_;
    std::size_t given_ = 0;
    std::size_t error_offset_ = 0;
};

/// The stream in one piece.
inline Outcome parse_whole(std::string_view stream, const ws::Limits& limits = {}) {
    Runner runner(limits);
    runner.give(stream);
    return runner.outcome();
}

/// The stream in pieces of `size` bytes, the last one shorter.
inline Outcome parse_in_pieces(std::string_view stream, std::size_t size,
                               const ws::Limits& limits = {}) {
    Runner runner(limits);
    for (std::size_t at = 0; at < stream.size(); at += size) {
        if (runner.give(stream.substr(at, size)) != ws::ParseStatus::ok) break;
    }
    return runner.outcome();
}

/// The stream in two pieces.
inline Outcome parse_split(std::string_view stream, std::size_t at, const ws::Limits& limits = {}) {
    Runner runner(limits);
    if (runner.give(stream.substr(0, at)) == ws::ParseStatus::ok) runner.give(stream.substr(at));
    return runner.outcome();
}

/// Forgets where an error was noticed: that depends on how the stream was cut.
inline Outcome verdict(Outcome outcome) {
    outcome.error_offset = 0;
    return outcome;
}

}  // namespace pulse::test
