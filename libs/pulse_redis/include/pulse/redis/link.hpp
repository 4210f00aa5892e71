// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One connection to a Redis: Asio moves the bytes, hiredis reads them. It logs in, finds out when
// the other end is silent, and comes back by itself, after a time that doubles and is drawn anew
// each time (full jitter), so that many nodes do not come back at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/reply.hpp>

namespace asio {
class io_context;
}

namespace pulse::redis {

struct LinkOptions {
    Address address;
    /// Set: asked for each attempt where to connect, instead of `address`. It calls back, within
    /// its own time, at once or later; null: nowhere, for that reason.
    using Located = std::function<void(const Address* address, std::string_view why)>;
    std::function<void(Located)> locate{};
    /// A replica is none to work with: the link does not come up there, and tries again.
    bool must_be_master = false;
    /// A Redis that owes an answer and is silent for so long is taken for gone; connecting and
    /// logging in take at most that.
    std::chrono::milliseconds answer_timeout{3'000};
    /// The upper end of the first wait before connecting again; it doubles up to the last.
    std::chrono::milliseconds first_retry{50};
    std::chrono::milliseconds last_retry{2'000};
};

/// Answers: null when the connection broke before it came.
using Answer = std::function<void(const Reply* reply)>;

struct LinkEvents {
    /// Logged in, database chosen.
    std::function<void()> on_up;
    /// After on_up, or when an attempt failed (`was_up` tells); what was under way has been
    /// answered with null by then.
    std::function<void(bool was_up, std::string_view why)> on_down;
    /// Arrays that nobody asked for: what a subscription gets. Set: the link is for subscriptions,
    /// and all arrays that come are theirs.
    std::function<void(const Reply&)> on_push;
    /// An error that no answer was awaited for, such as a subscription that is refused. Not set:
    /// the connection is given up.
    std::function<void(std::string_view why)> on_refused{};
};

/// **Loop-bound** to the io_context, which one thread runs and which outlives the link.
class Link {
  public:
    Link(asio::io_context& io, LinkOptions options, core::Rng& rng, LinkEvents events);
    /// Nothing is called any more, answers included.
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void start();
    [[nodiscard]] bool is_up() const noexcept;

    /// Pipelined: what is sent within one turn of the loop goes out together. Calls `answer` with
    /// null at once when the link is not up. Bounds are the caller's affair: each command is owed
    /// an answer.
    void send(std::span<const std::string_view> arguments, Answer answer);
    void send(std::initializer_list<std::string_view> arguments, Answer answer) {
        send(std::span<const std::string_view>(arguments.begin(), arguments.size()),
             std::move(answer));
    }
    /// For commands whose answers come as pushes. Nothing is sent when the link is not up.
    void push(std::span<const std::string_view> arguments);

    /// Gives up this connection and begins anew.
    void restart(std::string_view why);

    /// Ends once what was sent is with the system; nothing is called any more.
    void finish();

    [[nodiscard]] std::size_t unanswered() const noexcept;
    /// Bytes that are not in the socket yet.
    [[nodiscard]] std::size_t unsent_bytes() const noexcept;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::redis
