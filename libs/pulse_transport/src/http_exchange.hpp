// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "http/body_reader.hpp"
#include "http/head_parser.hpp"
#include "timer_wheel.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <pulse/transport/http.hpp>

namespace pulse::transport {

/// What a connection needs only while it speaks HTTP. **Loop-bound.**
struct HttpExchange {
    enum class State : std::uint8_t { head, body, responding };

    State state = State::head;
    bool keep_alive = true;
    bool is_head_request = false;
    bool has_chunks = true;    ///< the client knows chunked bodies
    bool is_first = true;      ///< no request was complete yet
    Tick since = 0;            ///< when the wait for what is due now began
    std::uint32_t serial = 0;  ///< of the request being answered
    std::string buffer;        ///< received; not yet consumed from `begin` on
    std::size_t begin = 0;
    http::HeadParser parser;
    std::optional<http::BodyReader> body_reader;
    HttpRequest request;
    const Route* route = nullptr;

    [[nodiscard]] std::string_view unread() const noexcept {
        return std::string_view(buffer).substr(begin);
    }
    void append(const char* data, std::size_t n) {
        buffer.erase(0, std::exchange(begin, 0));
        buffer.append(data, n);
    }
    /// Lets go of `n` unread bytes. Each byte moves once on average, however many requests one read
    /// brought, and what is held stays below twice what is unread.
    void consume(std::size_t n) {
        begin += n;
        if (begin < buffer.size() - begin) return;
        buffer = std::string(unread());
        begin = 0;
    }

    /// What a body holds, received or to be answered; short ones stay within the object.
    [[nodiscard]] std::size_t body_bytes() const noexcept {
        return request.body.capacity() > 256 ? request.body.capacity() : 0;
    }
    /// While an answer is due, pipelined requests wait in the socket, not here.
    [[nodiscard]] bool is_full(std::size_t limit) const noexcept {
        return state == State::responding && unread().size() >= limit;
    }
};

}  // namespace pulse::transport
