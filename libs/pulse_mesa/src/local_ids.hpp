// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which ids are connected to this replica, and on which loops.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include <pulse/mesa/id.hpp>

namespace pulse::mesa {

/// **Thread-safe.**
class LocalIds {
  public:
    struct Found {
        std::uint64_t lanes = 0;    ///< one bit each; 0: not here
        bool is_elsewhere = false;  ///< on other replicas, too
    };

    void add(const Id& id, std::uint32_t lane) {
        const std::lock_guard lock(mutex_);
        Entry& entry = entries_[id];
        ++entry.connections;
        // Lanes it has left stay until it is gone altogether: they find nobody, at no cost worth
        // counting connections per lane.
        entry.lanes |= std::uint64_t{1} << lane;
    }
    void remove(const Id& id) {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        if (--found->second.connections == 0) entries_.erase(found);
    }
    [[nodiscard]] Found find(const Id& id) const {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return {};
        return {found->second.lanes, found->second.is_elsewhere};
    }
    /// Stores know names alone: ids of that name, of either type.
    void mark_elsewhere(std::string_view name) {
        const std::lock_guard lock(mutex_);
        const auto mark = [this](const Id& id) {
            const auto found = entries_.find(id);
            if (found != entries_.end()) found->second.is_elsewhere = true;
        };
        mark(Id(std::string(name)));
        if (const auto number = Id::from_json(name)) mark(*number);
    }

  private:
    struct Entry {
        std::uint32_t connections = 0;
        bool is_elsewhere = false;
        std::uint64_t lanes = 0;
    };
    mutable std::mutex mutex_;
    std::unordered_map<Id, Entry> entries_;
};

}  // namespace pulse::mesa
