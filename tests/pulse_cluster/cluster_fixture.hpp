// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nodes on a real Redis or NATS, each with a loop and a thread of its own.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/redis_server.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <pulse/cluster/redis_broker.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::test {

/// An io_context and the thread that runs it, which ends when nothing on it goes on any more.
class IoThread {
  public:
    IoThread() : thread_([this] { io_.run(); }) {}
    ~IoThread() { stop(); }
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    [[nodiscard]] asio::io_context& io() noexcept { return io_; }
    void stop() {
        work_.reset();
        if (thread_.joinable()) thread_.join();
    }

  private:
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::thread thread_;
};

/// Brokers that outlive neither their threads nor each other.
class Nodes {
  public:
    using Make = core::Result<std::shared_ptr<cluster::ClusterBroker>> (*)(
        const std::string&, cluster::BrokerOptions, const cluster::BrokerServices&);
    explicit Nodes(Make make) : make_(make) {}
    ~Nodes() {
        for (const auto& thread : threads_) thread->stop();
    }

    std::shared_ptr<cluster::ClusterBroker> add(const std::string& url,
                                                cluster::BrokerOptions options = {},
                                                const core::Clock* clock = nullptr) {
        threads_.push_back(std::make_unique<IoThread>());
        auto made = make_(url, std::move(options), {threads_.back()->io(), rng_, log_, clock});
        if (!made) throw std::runtime_error(made.error().message());
        return *made;
    }
    std::vector<std::shared_ptr<core::Broker>> add(std::size_t n, const std::string& url,
                                                   const cluster::BrokerOptions& options = {}) {
        std::vector<std::shared_ptr<core::Broker>> brokers;
        for (std::size_t i = 0; i < n; ++i) {
            brokers.push_back(add(url, options));
            REQUIRE(eventually([&] { return brokers.back()->is_healthy(); }));
        }
        return brokers;
    }

  private:
    const Make make_;
    core::SystemRng rng_;
    core::NullLog log_;
    std::vector<std::unique_ptr<IoThread>> threads_;
};

class RedisNodes : public Nodes {
  public:
    RedisNodes() : Nodes(&cluster::make_redis_broker) {}
};

}  // namespace pulse::test
