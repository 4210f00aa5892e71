// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/intake.hpp"

#include <iterator>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::store::on_redis {

template <typename Work>
std::error_code Intake::push_to(std::vector<Work>& queue, Work& work) {
    const std::size_t bytes = held_bytes(work);
    bool must_wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_closed_) return make_error_code(core::Error::shutting_down);
        if (waiting_.load() >= limits_.max_waiting ||
            waiting_bytes_.load() + bytes > limits_.max_waiting_bytes) {
            return make_error_code(core::Error::store_overloaded);
        }
        waiting_.fetch_add(1);
        waiting_bytes_.fetch_add(bytes);
        queue.push_back(std::move(work));
        must_wake = !std::exchange(is_awake_, true);
    }
    if (must_wake) wake_();
    return {};
}

template std::error_code Intake::push_to(std::vector<WriteWork>&, WriteWork&);
template std::error_code Intake::push_to(std::vector<ReadWork>&, ReadWork&);

void Intake::take(std::deque<WriteWork>& writes, std::deque<ReadWork>& reads) {
    const std::lock_guard lock(mutex_);
    is_awake_ = false;
    std::move(writes_.begin(), writes_.end(), std::back_inserter(writes));
    std::move(reads_.begin(), reads_.end(), std::back_inserter(reads));
    writes_.clear();
    reads_.clear();
}

void Intake::answered(std::size_t operations, std::size_t bytes) noexcept {
    waiting_.fetch_sub(operations);
    waiting_bytes_.fetch_sub(bytes);
}

void Intake::close() {
    // Under the lock: once it is given up the thread may end, and this with it.
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    if (!std::exchange(is_awake_, true)) wake_();
}

bool Intake::is_closed() const {
    const std::lock_guard lock(mutex_);
    return is_closed_;
}

}  // namespace pulse::store::on_redis
