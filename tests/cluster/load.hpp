// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Clients that publish and listen while something breaks: they come back, and keep a record.
#pragma once

#include "checker.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pulse::test {

/// Where a client connects at the moment; 0: nowhere.
using Port = std::function<std::uint16_t()>;

/// Listens to one channel and recovers whenever it can.
class Subscriber {
  public:
    Subscriber(std::string name, std::string channel, Port port);
    ~Subscriber();

    [[nodiscard]] bool is_subscribed() const noexcept { return is_subscribed_; }
    /// Whether it has this text.
    [[nodiscard]] bool has(const std::string& text) const;
    /// Whether a gap was told, or not recovered, since the beginning.
    [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_; }
    /// Takes input this slowly from now on.
    void set_pause(std::chrono::milliseconds pause) { pause_ms_ = pause.count(); }
    [[nodiscard]] Story stop();

  private:
    void run();
    void listen(std::uint16_t port);
    void add(ClientEvent event);

    const std::string channel_;
    const Port port_;
    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> is_subscribed_{false};
    std::atomic<std::uint64_t> gaps_{0};
    std::atomic<std::int64_t> pause_ms_{0};
    mutable std::mutex mutex_;
    Story story_;
    std::set<std::string> texts_;
    Position at_;  ///< the thread's
    bool has_started_ = false;
    std::thread thread_;
};

/// Publishes "<name>:<number>", one after another, each with an id.
class Publisher {
  public:
    Publisher(std::string name, std::string channel, Port port);
    ~Publisher();

    [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_count_; }
    /// Adds to what was published.
    void stop_into(Published& published);

  private:
    void run();
    void publish(std::uint16_t port);

    const std::string name_;
    const std::string channel_;
    const Port port_;
    std::atomic<bool> is_stopping_{false};
    std::atomic<std::uint64_t> acknowledged_count_{0};
    std::uint64_t next_ = 0;
    Published published_;
    std::thread thread_;
};

}  // namespace pulse::test
