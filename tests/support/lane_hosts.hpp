// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two hosts for a lane: one that only counts, and one that runs it on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <pulse/core/lane.hpp>

namespace pulse::test {

/// Counts wakes and runs nothing: the test is the loop and calls flush() itself. **Thread-safe.**
class FakeHost final : public core::LaneHost {
  public:
    void wake() noexcept override { wakes_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t wakes() const noexcept {
        return wakes_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> wakes_{0};
};

/// A thread that flushes its lane whenever it is woken: the smallest event loop there is. Register
/// the host with Hub::add_lane, then start(); stop() before the hub goes.
class LoopThread final : public core::LaneHost {
  public:
    LoopThread() = default;
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;
    ~LoopThread() override { stop(); }

    void start(core::Lane& lane) {
        lane_ = &lane;
        thread_ = std::thread([this] { run(); });
    }
    void stop() {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void wake() noexcept override {
        {
            const std::lock_guard lock(mutex_);
            is_woken_ = true;
        }
        changed_.notify_one();
    }
    /// Runs `function` on the loop and waits until the turn it ran in has been flushed.
    void run_and_wait(std::function<void()> function) {
        lane_->post(std::move(function));
        std::promise<void> done;
        lane_->post([&done] { done.set_value(); });
        done.get_future().wait();
        // A function posted after those two runs in a later turn, or at the end of the same.
        std::promise<void> flushed;
        lane_->post([this, &flushed] { lane_->post([&flushed] { flushed.set_value(); }); });
        flushed.get_future().wait();
    }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return is_woken_ || is_stopping_; });
            if (is_stopping_) return;
            is_woken_ = false;
            lock.unlock();
            lane_->begin_turn();
            lane_->flush();
            lock.lock();
        }
    }

    core::Lane* lane_ = nullptr;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_woken_ = false;
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace pulse::test
