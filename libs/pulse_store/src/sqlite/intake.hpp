// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Work on its way from callers to the two threads.
#pragma once

#include "work.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include <pulse/core/document_store.hpp>

namespace pulse::store::sqlite {

/// Two bounded queues under one lock that nobody holds for longer than a push or a swap.
/// **Thread-safe**; one thread takes writes, one takes reads.
///
/// Work counts against the bounds until it is answered, not until it is taken, so that what the
/// threads have in hand is bounded too.
class Intake {
  public:
    explicit Intake(const core::DocumentLimits& limits) noexcept : limits_(limits) {}

    /// store_overloaded, shutting_down; `work` is then left as it was.
    [[nodiscard]] std::error_code push(WriteWork& work);
    [[nodiscard]] std::error_code push(ReadWork& work);

    using Moment = std::chrono::steady_clock::time_point;
    /// Waits until there is something to do: work, a call of wake_…(), the moment `until`, or the
    /// end. Swaps what there is into `out`, which is empty. False: closed, and nothing is left.
    [[nodiscard]] bool take(std::vector<WriteWork>& out, std::optional<Moment> until);
    [[nodiscard]] bool take(std::vector<ReadWork>& out);
    void answered(std::size_t operations, std::size_t bytes) noexcept;

    /// Make take() return.
    void wake_writer();
    void wake_reader();
    /// Refuses work from now on.
    void close();
    [[nodiscard]] bool is_closed() const;

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(); }
    [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_.load(); }

  private:
    template <typename Work>
    struct Queue {
        std::vector<Work> work;
        std::condition_variable arrived;
        bool is_awaited = false;  ///< its thread sleeps: spares a system call while it does not
        bool must_wake = false;
    };
    template <typename Work>
    std::error_code push_to(Queue<Work>& queue, Work& work);
    template <typename Work>
    bool take_from(Queue<Work>& queue, std::vector<Work>& out, std::optional<Moment> until);
    template <typename Work>
    void wake(Queue<Work>& queue);

    const core::DocumentLimits limits_;
    mutable std::mutex mutex_;
    Queue<WriteWork> writes_;
    Queue<ReadWork> reads_;
    bool is_closed_ = false;
    std::atomic<std::size_t> waiting_{0};
    std::atomic<std::size_t> waiting_bytes_{0};
};

}  // namespace pulse::store::sqlite
