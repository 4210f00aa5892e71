// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the server is made of, on one page: builds each part and hands it what it needs.
#pragma once

#include "config/config.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::server {

/// The dialects of this build, by the names that mounts use.
[[nodiscard]] StringList dialect_names();
/// What --version lists.
[[nodiscard]] StringList features();

/// The engine as the configuration wants it. Made and destroyed on the main thread; its loops have
/// threads of their own.
class Engine {
  public:
    /// `log` outlives the engine.
    Engine(const Config& config, core::Log& log, std::string version);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Binds all listeners and starts the loops. The error names the address.
    [[nodiscard]] tl::expected<void, std::string> start();
    /// Changes what can be changed while running.
    void apply(const Config& config);
    /// Members of presences that have been silent for longer than they may leave them. Call it a
    /// few times a minute, as apply().
    void end_stale_presence();
    /// Not ready from now on; closes everybody, then calls `done` on some thread.
    void drain(std::function<void()> done);

    /// Ends the loops. Nothing that was given to drain() or when_all_loops_turned() is called from
    /// then on.
    void stop();

    /// Calls `done` on some thread once every event loop has run.
    void when_all_loops_turned(std::function<void()> done);

    [[nodiscard]] std::uint16_t port() const noexcept;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace pulse::server
