// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include <pulse/core/rng.hpp>

namespace pulse::mesa {

/// The portals a server knows, in the order in which it heard of them. **Thread-safe.**
class PortalPool {
  public:
    /// False: it is known.
    bool add(const std::string& id) {
        const std::lock_guard lock(mutex_);
        if (std::find(ids_.begin(), ids_.end(), id) != ids_.end()) return false;
        ids_.push_back(id);
        return true;
    }
    /// False: it is not known.
    bool remove(const std::string& id) {
        const std::lock_guard lock(mutex_);
        const auto found = std::find(ids_.begin(), ids_.end(), id);
        if (found == ids_.end()) return false;
        ids_.erase(found);
        return true;
    }
    [[nodiscard]] std::vector<std::string> ids() const {
        const std::lock_guard lock(mutex_);
        return ids_;
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return ids_.size();
    }
    /// Whose turn it is; the first turn is the second's. Empty: there is none.
    [[nodiscard]] std::string next() {
        const std::lock_guard lock(mutex_);
        if (ids_.empty()) return {};
        turn_ = turn_ + 1 < ids_.size() ? turn_ + 1 : 0;
        return ids_[turn_];
    }
    [[nodiscard]] std::string any(core::Rng& rng) {
        const std::lock_guard lock(mutex_);
        return ids_.empty() ? std::string() : ids_[rng.next_u64() % ids_.size()];
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> ids_;
    std::size_t turn_ = 0;
};

}  // namespace pulse::mesa
