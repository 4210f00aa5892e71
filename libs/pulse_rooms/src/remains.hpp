// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace pulse::rooms {

class LanePart;
class Room;

/// Rooms that have left memory but for what they are made of: a little of that is freed in each
/// turn of a lane, since many may leave at once, and one may hold millions of votes.
/// **Thread-safe.**
class Remains : public std::enable_shared_from_this<Remains> {
  public:
    /// Nobody finds these rooms any more. `at`: where they are freed.
    void add(std::vector<std::shared_ptr<Room>> rooms, LanePart& at);

  private:
    void schedule(LanePart& at);
    /// False when nothing is left.
    [[nodiscard]] bool free_some();
    [[nodiscard]] bool free_things();
    [[nodiscard]] std::shared_ptr<Room> take_first();

    std::mutex mutex_;
    std::deque<std::shared_ptr<Room>> rooms_;
    bool is_scheduled_ = false;
};

}  // namespace pulse::rooms
