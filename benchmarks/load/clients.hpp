// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "protocol.hpp"
#include "scanner.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

namespace pulse::load {

/// One client connection. Owned by Clients; the scenario sets the fields of its own.
struct Connection {
    enum class Phase : std::uint8_t { closed, connecting, opening, ready };

    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    int fd = -1;
    Phase phase = Phase::closed;
    bool fast = false;         ///< bytes go to ClientEvents::on_bytes unparsed
    bool paused = false;       ///< nothing is read
    bool wants_write = false;  ///< `out` waits for the socket
    std::uint64_t opened_ns = 0;
    std::string out;
    std::size_t out_at = 0;
    std::unique_ptr<Reader> reader;
    ScanState scan;

    // The scenario's own.
    std::uint16_t port = 0;  ///< to connect to; 0: the target's
    std::uint32_t channel = 0;
    bool subscribes = false;  ///< to `channel`, as soon as it is ready
    bool probed = false;      ///< has received a probe: the subscription works
    std::uint64_t received = 0;
};

class ClientEvents {
  public:
    virtual ~ClientEvents() = default;
    virtual void on_ready(Connection& connection) = 0;
    virtual void on_subscribed(Connection& connection) = 0;
    virtual void on_delivery(Connection& connection, std::optional<std::uint32_t> channel,
                             std::string_view payload) = 0;
    virtual void on_pong(Connection&, std::uint64_t /*stamp*/) {}
    /// Fast mode only: `data` has Scanner::kHeadRoom writable bytes in front.
    virtual void on_bytes(Connection&, char* /*data*/, std::size_t /*size*/) {}
    /// The connection is closed already.
    virtual void on_lost(Connection& connection, const std::string& why) = 0;
};

/// All client connections of a run in one epoll set, on the calling thread. Loop-bound.
class Clients {
  public:
    struct Totals {
        std::uint64_t reads = 0;
        std::uint64_t bytes = 0;
    };
    struct Target {
        sockaddr_in address{};
        /// Connections take their source addresses in turn from 127.0.0.1 on; 0 = let the kernel.
        std::uint32_t sources = 0;
    };

    Clients(const Protocol& protocol, Target target, ClientEvents& events);
    ~Clients();
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    /// Makes room for `count` more closed connections; the first one's index.
    std::uint32_t add(std::uint32_t count);
    [[nodiscard]] Connection& at(std::uint32_t index) { return *connections_[index]; }
    [[nodiscard]] std::uint32_t size() const {
        return static_cast<std::uint32_t>(connections_.size());
    }

    /// Begins to connect; false with `error` set when not even that is possible. Not from within a
    /// callback of the same connection: it replaces the Reader that is calling.
    [[nodiscard]] bool open(Connection& connection, std::string& error, int receive_buffer = 0);
    /// Sends at once what the socket takes and keeps the rest.
    void send(Connection& connection, std::string_view bytes);
    void pause(Connection& connection);
    void resume(Connection& connection);
    enum class CloseHow { fin, reset };
    void close(Connection& connection, CloseHow how);

    /// Waits up to `timeout_ns` for input and handles one round of it.
    void poll(std::uint64_t timeout_ns);

    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] std::uint64_t unsent_bytes() const { return unsent_bytes_; }

  private:
    class Dispatch;

    static constexpr std::size_t kReadBytes = 256 * 1024;
    static constexpr int kMaxEvents = 1024;

    void watch(Connection& connection, int operation);
    void on_event(Connection& connection, std::uint32_t events);
    void on_connected(Connection& connection);
    void read_some(Connection& connection);
    void flush(Connection& connection);
    void lose(Connection& connection, const std::string& why);

    const Protocol& protocol_;
    Target target_;
    ClientEvents& events_;
    int epoll_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<char> buffer_;
    Totals totals_;
    std::uint64_t unsent_bytes_ = 0;
};

}  // namespace pulse::load
