// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <pulse/core/outlet.hpp>
#include <pulse/core/rate_limiter.hpp>

namespace pulse::transport {

/// Bounds and times of every connection of a listener. All can be changed while it runs.
struct ConnectionOptions {
    // Behaviour
    /// A WebSocket peer that was silent for this long is pinged. 0: never. Times below are rounded
    /// up to the timers' quarter of a second.
    std::chrono::milliseconds ping_interval{30'000};
    /// One that was silent for this long is closed. 0: never.
    std::chrono::milliseconds idle_timeout{60'000};
    /// From the first byte of a WebSocket message to its last. 0: for ever.
    std::chrono::milliseconds message_timeout{60'000};
    /// From accepting a connection to the end of its first request head, and for each later head
    /// and body from its first byte on. A client that trickles is answered 408.
    std::chrono::milliseconds request_timeout{10'000};
    /// How long an HTTP connection may wait for its next request. 0: closed after each answer.
    std::chrono::milliseconds keep_alive_timeout{60'000};
    /// From our close to the end of the socket, if the peer does not play along.
    std::chrono::milliseconds close_timeout{5'000};
    /// Origins that browsers may connect from, e.g. "https://example.org"; "*" for any. Empty: the
    /// same host as in the request; on a loopback listener, requests that call it by a loopback
    /// address, from pages of such addresses and pages opened from files. Files have the origin
    /// "null", and so have sandboxed frames of any site: list origins where that matters. Clients
    /// that send no Origin are no browsers and are let in.
    std::vector<std::string> allowed_origins;

    // Limits; 0 = without limit where not said otherwise
    std::size_t max_frame_bytes = std::size_t{16} * 1024 * 1024;    ///< WebSocket frame, not 0
    std::size_t max_message_bytes = std::size_t{64} * 1024 * 1024;  ///< reassembled, not 0
    std::size_t max_head_bytes = std::size_t{16} * 1024;            ///< HTTP head, not 0
    std::size_t max_body_bytes = std::size_t{1024} * 1024;          ///< HTTP body, not 0
    core::OutletLimits outbox;  ///< what is kept for a peer that reads slowly
    /// Reading from a peer stops while this many bytes of answers to it wait for its socket.
    std::size_t max_unread_reply_bytes = std::size_t{256} * 1024;
};

/// Bounds on clients as a whole; shared by all listeners of a server. 0 = without limit.
struct ClientLimits {
    /// WebSocket connections; one more is answered 503. Sockets, which may be HTTP's, 1,024 more.
    std::size_t max_connections = 100'000;
    /// Answered 429. An address may have 16 sockets more than that for HTTP; further ones are
    /// closed.
    std::size_t max_connections_per_address = 0;
    core::RateLimit connections{};  ///< upgrades, all addresses together; answered 429
};

struct ListenerOptions {
    std::string host = "127.0.0.1";  ///< address or name
    std::uint16_t port = 0;          ///< 0: the system chooses, see Listener::port()
    int backlog = 1024;
    /// One accepting socket per loop, the kernel spreads connections over them; otherwise the first
    /// loop accepts and deals them out in turn.
    bool has_socket_per_loop = true;
    /// Other processes may listen on the same port, and the kernel spreads connections over all of
    /// them. Otherwise a port that is taken is an error.
    bool is_port_shared = false;
};

}  // namespace pulse::transport
