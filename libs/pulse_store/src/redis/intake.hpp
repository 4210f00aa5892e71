// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "work.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <system_error>
#include <vector>

#include <pulse/core/document_store.hpp>

namespace pulse::store::on_redis {

/// Work on its way from callers to the store's thread, under a lock that nobody holds for longer
/// than a push or a swap. **Thread-safe.**
///
/// Work counts against the bounds until it is answered, so that what is under way is bounded too.
class Intake {
  public:
    /// `wake` is called, on the caller's thread and under no lock, when take() should be; not again
    /// before it was.
    Intake(const core::DocumentLimits& limits, std::function<void()> wake)
        : limits_(limits), wake_(std::move(wake)) {}

    /// store_overloaded, shutting_down; `work` is then left as it was.
    [[nodiscard]] std::error_code push(WriteWork& work) { return push_to(writes_, work); }
    [[nodiscard]] std::error_code push(ReadWork& work) { return push_to(reads_, work); }

    /// Appends what there is.
    void take(std::deque<WriteWork>& writes, std::deque<ReadWork>& reads);
    void answered(std::size_t operations, std::size_t bytes) noexcept;

    /// Refuses work from now on.
    void close();
    [[nodiscard]] bool is_closed() const;

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(); }
    [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_.load(); }

  private:
    template <typename Work>
    std::error_code push_to(std::vector<Work>& queue, Work& work);

    const core::DocumentLimits limits_;
    const std::function<void()> wake_;
    mutable std::mutex mutex_;
    std::vector<WriteWork> writes_;
    std::vector<ReadWork> reads_;
    bool is_awake_ = false;  ///< spares a wake for all but the first of many
    bool is_closed_ = false;
    std::atomic<std::size_t> waiting_{0};
    std::atomic<std::size_t> waiting_bytes_{0};
};

}  // namespace pulse::store::on_redis
