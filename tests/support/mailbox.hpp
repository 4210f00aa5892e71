// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "support/deadline.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace pulse::test {

/// From hooks on other threads to the test. **Thread-safe.**
template <typename T>
class Mailbox {
  public:
    void put(T item) {
        // Told under the lock: whoever takes the item may let the mailbox go.
        const std::lock_guard lock(mutex_);
        items_.push_back(std::move(item));
        changed_.notify_all();
    }
    /// The next item; throws when none comes in time.
    T take(std::chrono::milliseconds patience = kPatience) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [this] { return !items_.empty(); })) {
            throw std::runtime_error("nothing came");
        }
        T item = std::move(items_.front());
        items_.pop_front();
        return item;
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return items_.size();
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> items_;
};

}  // namespace pulse::test
