// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The connection to NATS: libnats speaks the protocol, Asio waits for the socket, so that nothing
// blocks the loop and nothing is read that the loop has no time for. It finds out when an answer
// does not come, and comes back by itself, after a time that doubles and is drawn anew each time.
//
// libnats' own reconnecting is not used: it would send what had been given up meanwhile.
#pragma once

#include "nats/nats_address.hpp"
#include "nats/nats_message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/rng.hpp>

namespace asio {
class io_context;
}

namespace pulse::cluster {

struct NatsLinkOptions {
    NatsAddress address;
    /// A request is answered within that, or the server is taken for gone; connecting takes at
    /// most that for each address.
    std::chrono::milliseconds answer_timeout{3'000};
    std::chrono::milliseconds first_retry{50};
    std::chrono::milliseconds last_retry{2'000};
};

struct NatsLinkEvents {
    std::function<void()> on_up;
    /// After on_up, or when an attempt failed; what was asked has been answered with null by then.
    std::function<void(std::string_view why)> on_down;
    /// Of subscriptions, in the order of their arrival.
    std::function<void(const NatsMessage&)> on_message;
    /// What a JetStream consumer sends to an inbox: it keeps the subject it has in the stream.
    std::function<void(const NatsMessage&)> on_delivery;
};

/// **Loop-bound** to the io_context, which one thread runs and which outlives the link.
class NatsLink {
  public:
    NatsLink(asio::io_context& io, NatsLinkOptions options, core::Rng& rng, NatsLinkEvents events);
    /// Nothing is called any more, answers included.
    ~NatsLink();
    NatsLink(const NatsLink&) = delete;
    NatsLink& operator=(const NatsLink&) = delete;

    void start();
    [[nodiscard]] bool is_up() const noexcept;

    // Nothing is sent when the link is not up. Subscriptions end with the connection.

    void subscribe(const std::string& subject);
    void unsubscribe(const std::string& subject);
    void publish(const std::string& subject, std::string_view bytes);

    using Header = std::pair<const char*, std::string>;
    /// Null when the connection broke before it came, or when it could not be sent.
    using Answer = std::function<void(const NatsMessage*)>;
    /// Calls `answer` once, and never within this call: later, or when the connection breaks.
    /// Returns the request's number.
    std::uint64_t request(const std::string& subject, const std::vector<Header>& headers,
                          std::string_view bytes, Answer answer);
    /// No answer is expected any more.
    void withdraw(std::uint64_t request);

    /// This connection is of use: the next one is tried for soon when it breaks.
    void confirm() noexcept;
    /// Gives up this connection and begins anew.
    void restart(std::string_view why);
    /// Ends once what was sent is with the system; nothing is called any more.
    void finish();

    [[nodiscard]] std::size_t unsent_bytes() const noexcept;
    /// Largest message, headers included; 0 before the first connection.
    [[nodiscard]] std::size_t max_payload() const noexcept;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::cluster
