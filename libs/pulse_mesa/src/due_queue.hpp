// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Clients waiting for the same length of time: a queue needs one timer of the lane for all of them.
#pragma once

#include <deque>
#include <memory>

#include <pulse/core/clock.hpp>

namespace pulse::mesa {

class ConnectedClient;

/// **Loop-bound.** Times go in in about the order in which they come due.
class DueQueue {
  public:
    struct Entry {
        core::MonotonicTime due;
        std::weak_ptr<ConnectedClient> client;
    };

    void push(core::MonotonicTime due, std::weak_ptr<ConnectedClient> client) {
        entries_.push_back({due, std::move(client)});
    }
    [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] core::MonotonicTime next_due() const noexcept { return entries_.front().due; }
    [[nodiscard]] Entry pop() {
        Entry entry = std::move(entries_.front());
        entries_.pop_front();
        return entry;
    }
    bool is_armed = false;

  private:
    std::deque<Entry> entries_;
};

}  // namespace pulse::mesa
