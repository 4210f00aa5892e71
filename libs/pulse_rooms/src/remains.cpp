// SPDX-License-Identifier: MIT OR Apache-2.0
#include "remains.hpp"

#include "lane_part.hpp"
#include "room.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace pulse::rooms {

namespace {

/// Votes, polls and counters that are freed in one turn: about a millisecond's work.
constexpr std::size_t kMaxThings = 5'000;
/// What a room without any costs beside them.
constexpr std::size_t kThingsOfRoom = 20;

/// glibc keeps small blocks that are freed apart, and merges all of them when some day a block from
/// 64 KiB on is freed: a pause as long as the one that is avoided here. So those of each turn are
/// merged in it (where they are of this thread's arena). Other allocators take no notice.
void merge_freed_blocks() {
    constexpr std::size_t kBytes = std::size_t{96} * 1024;  // less than what is mapped on its own
    void* volatile block = std::malloc(kBytes);             // volatile: not to be left out
    std::free(block);
}

}  // namespace

void Remains::add(std::vector<std::shared_ptr<Room>> rooms, LanePart& at) {
    if (rooms.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        rooms_.insert(rooms_.end(), std::make_move_iterator(rooms.begin()),
                      std::make_move_iterator(rooms.end()));
        if (std::exchange(is_scheduled_, true)) return;
    }
    schedule(at);
}

void Remains::schedule(LanePart& at) {
    at.post([self = shared_from_this(), part = at.shared_from_this()] {
        if (self->free_some()) self->schedule(*part);
    });
}

bool Remains::free_some() {
    const bool is_more = free_things();
    merge_freed_blocks();
    return is_more;
}

bool Remains::free_things() {
    for (std::size_t left = kMaxThings; left != 0;) {
        std::shared_ptr<Room> room = take_first();
        if (room == nullptr) return false;
        // Somebody may still have it for a moment: a list of its users, say. Then it ends with
        // that.
        if (room.use_count() == 1 && room->free_some(left)) {
            const std::lock_guard lock(mutex_);
            rooms_.push_front(std::move(room));
            return true;
        }
        left -= std::min(left, kThingsOfRoom);
    }
    return true;
}

std::shared_ptr<Room> Remains::take_first() {
    const std::lock_guard lock(mutex_);
    if (rooms_.empty()) {
        is_scheduled_ = false;
        return nullptr;
    }
    std::shared_ptr<Room> first = std::move(rooms_.front());
    rooms_.pop_front();
    return first;
}

}  // namespace pulse::rooms
