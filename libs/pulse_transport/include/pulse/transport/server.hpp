// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Listeners, and what is served on them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include <pulse/core/dialect.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/result.hpp>
#include <pulse/transport/http.hpp>
#include <pulse/transport/loop.hpp>
#include <pulse/transport/options.hpp>

namespace pulse::transport {

/// What one listener serves. A dialect's path is exact but for segments `{name}`, which match any,
/// or "*" for every path no other mount and no route has. Where a route has the path, too, it gets
/// the requests that ask for no WebSocket. Dialects outlive the server.
struct Mounts {
    std::vector<std::pair<std::string, core::Dialect*>> dialects{};
    std::shared_ptr<const HttpRouter> routes{};  ///< may be null
};

/// One bound address.
class Listener {
  public:
    virtual ~Listener() = default;
    [[nodiscard]] virtual std::uint16_t port() const noexcept = 0;
    [[nodiscard]] virtual std::string address() const = 0;  ///< "127.0.0.1:8080"
};

struct ServerStats {
    std::size_t sockets = 0;
    std::size_t websockets = 0;
};

/// Made, configured and destroyed on one thread while its loops do not run, or do: what the loops
/// share is guarded. The loops outlive it.
class Server {
  public:
    Server(core::Hub& hub, std::vector<Loop*> loops, const ConnectionOptions& connections = {},
           const ClientLimits& clients = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Binds and begins to accept as soon as the loops run. Errors are those of the system (address
    /// in use, not available, not found, permission).
    [[nodiscard]] core::Result<Listener*> listen(const ListenerOptions& options, Mounts mounts);

    /// For connections from now on, and for the timers and limits of those that exist. Thread-safe.
    void set_connection_options(const ConnectionOptions& options);
    void set_client_limits(const ClientLimits& limits);

    /// Stops accepting; closes every connection with 1001, at moments spread over `spread`, of
    /// which at most half of `deadline` counts; calls `done` on one of the loops when all are gone,
    /// or when `deadline` has passed and the rest was cut off. Thread-safe; once.
    void drain(std::chrono::milliseconds spread, std::chrono::milliseconds deadline,
               std::function<void()> done);

    [[nodiscard]] ServerStats stats() const noexcept;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// Threads that run event loops, for programs that have none: one io_context each.
class LoopThreads {
  public:
    /// `count` 0: one per processor this process may use.
    LoopThreads(core::Hub& hub, std::size_t count, const LoopOptions& options = {});
    /// Stops and joins.
    ~LoopThreads();
    LoopThreads(const LoopThreads&) = delete;
    LoopThreads& operator=(const LoopThreads&) = delete;

    [[nodiscard]] std::vector<Loop*> loops() const;
    void start();
    void stop();

  private:
    struct Worker;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace pulse::transport
