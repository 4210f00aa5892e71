// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/intake.hpp"

#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::store::sqlite {

template <typename Work>
std::error_code Intake::push_to(Queue<Work>& queue, Work& work) {
    const std::size_t bytes = held_bytes(work);
    bool must_notify = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_closed_) return make_error_code(core::Error::shutting_down);
        if (waiting_.load() >= limits_.max_waiting ||
            waiting_bytes_.load() + bytes > limits_.max_waiting_bytes) {
            return make_error_code(core::Error::store_overloaded);
        }
        waiting_.fetch_add(1);
        waiting_bytes_.fetch_add(bytes);
        queue.work.push_back(std::move(work));
        must_notify = std::exchange(queue.is_awaited, false);
    }
    if (must_notify) queue.arrived.notify_one();
    return {};
}

std::error_code Intake::push(WriteWork& work) { return push_to(writes_, work); }

std::error_code Intake::push(ReadWork& work) { return push_to(reads_, work); }

template <typename Work>
bool Intake::take_from(Queue<Work>& queue, std::vector<Work>& out, std::optional<Moment> until) {
    std::unique_lock lock(mutex_);
    const auto has_something = [&] {
        const bool has = !queue.work.empty() || queue.must_wake || is_closed_;
        queue.is_awaited = !has;
        return has;
    };
    if (until) {
        queue.arrived.wait_until(lock, *until, has_something);
    } else {
        queue.arrived.wait(lock, has_something);
    }
    queue.is_awaited = false;
    queue.must_wake = false;
    out.swap(queue.work);
    return !(is_closed_ && out.empty());
}

bool Intake::take(std::vector<WriteWork>& out, std::optional<Moment> until) {
    return take_from(writes_, out, until);
}

bool Intake::take(std::vector<ReadWork>& out) { return take_from(reads_, out, std::nullopt); }

void Intake::answered(std::size_t operations, std::size_t bytes) noexcept {
    waiting_.fetch_sub(operations);
    waiting_bytes_.fetch_sub(bytes);
}

template <typename Work>
void Intake::wake(Queue<Work>& queue) {
    {
        const std::lock_guard lock(mutex_);
        queue.must_wake = true;
    }
    queue.arrived.notify_one();
}

void Intake::wake_writer() { wake(writes_); }

void Intake::wake_reader() { wake(reads_); }

void Intake::close() {
    // Under the lock: once it is given up a thread may end, and this with it.
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    writes_.arrived.notify_one();
    reads_.arrived.notify_one();
}

bool Intake::is_closed() const {
    const std::lock_guard lock(mutex_);
    return is_closed_;
}

}  // namespace pulse::store::sqlite
