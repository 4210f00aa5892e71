// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine inside the test's own process, on a free port: for tests that need hooks, the hub, or
// time at their command.
#pragma once

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::test {

struct EngineParts {
    core::HubOptions hub{};
    core::native::NativeOptions native{};
    core::Authenticator* authenticator = nullptr;
    std::size_t memory_limit = 0;
    std::size_t loops = 1;
    transport::ConnectionOptions connections{};
    transport::ClientLimits clients{};
};

/// All but loops and listeners. The clock stands still until a test moves it: timers then fire
/// within a quarter of a second of real time, and nothing else depends on how fast the machine is.
struct EngineCore {
    explicit EngineCore(const EngineParts& parts = {})
        : budget(parts.memory_limit),
          hub(parts.hub, {.clock = clock, .rng = rng, .log = log, .budget = &budget}),
          native(hub, parts.native, parts.authenticator) {}

    ManualClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::MemoryBudget budget;
    core::Hub hub;
    core::native::NativeDialect native;
};

/// With loops on threads of their own and one listener that serves the native dialect at /ws.
class EmbeddedEngine : public EngineCore {
  public:
    explicit EmbeddedEngine(const EngineParts& parts = {}, transport::HttpRouter routes = {},
                            std::vector<std::pair<std::string, core::Dialect*>> dialects = {})
        : EngineCore(parts),
          loops(hub, parts.loops),
          server(std::make_unique<transport::Server>(hub, loops.loops(), parts.connections,
                                                     parts.clients)) {
        for (transport::Loop* loop : loops.loops()) {
            loop->lane().set_limits(parts.connections.outbox);
        }
        transport::Mounts mounts;
        mounts.dialects = std::move(dialects);
        mounts.dialects.emplace_back("/ws", &native);
        mounts.routes = std::make_shared<const transport::HttpRouter>(std::move(routes));
        auto listener = server->listen({}, std::move(mounts));
        REQUIRE(listener.has_value());
        listener_ = *listener;
        loops.start();
    }
    ~EmbeddedEngine() { loops.stop(); }

    [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
    [[nodiscard]] transport::Listener& listener() const { return *listener_; }
    [[nodiscard]] transport::Loop& loop(std::size_t index = 0) { return *loops.loops()[index]; }
    /// One figure over all loops.
    [[nodiscard]] std::uint64_t count(core::LaneCounter transport::LoopStats::*field) const {
        std::uint64_t sum = 0;
        for (transport::Loop* each : loops.loops()) sum += (each->stats().*field).get();
        return sum;
    }
    core::Result<std::size_t> publish(std::string_view channel, std::string_view payload) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        return hub.publish(publication);
    }

    transport::LoopThreads loops;
    std::unique_ptr<transport::Server> server;

  private:
    transport::Listener* listener_ = nullptr;
};

}  // namespace pulse::test
