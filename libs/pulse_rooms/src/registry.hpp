// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The rooms in memory, by name.
#pragma once

#include "engine.hpp"
#include "remains.hpp"
#include "room.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::rooms {

/// **Thread-safe.** A room stays as long as somebody holds a Pin of it, then for a while, then goes
/// when it has nothing under way. Lock order: this before a room.
class Registry {
  public:
    explicit Registry(Engine& engine) : engine_(engine) {}

    /// Keeps a room in memory. Movable.
    class Pin {
      public:
        Pin() = default;
        Pin(Registry& registry, std::shared_ptr<Room> room)
            : registry_(&registry), room_(std::move(room)) {}
        Pin(Pin&& other) noexcept = default;
        Pin& operator=(Pin&& other) noexcept {
            reset();
            registry_ = other.registry_;
            room_ = std::move(other.room_);
            return *this;
        }
        ~Pin() { reset(); }
        void reset() {
            if (room_ != nullptr) registry_->unpin(*room_);
            room_.reset();
        }
        [[nodiscard]] Room& operator*() const noexcept { return *room_; }
        [[nodiscard]] Room* operator->() const noexcept { return room_.get(); }
        [[nodiscard]] explicit operator bool() const noexcept { return room_ != nullptr; }

      private:
        Registry* registry_ = nullptr;
        std::shared_ptr<Room> room_;
    };

    /// The room, made if need be, not loaded yet. Empty when there is no place for one more.
    [[nodiscard]] Pin obtain(std::string_view name);
    /// The room if it is in memory.
    [[nodiscard]] Pin find(std::string_view name);

    /// Lets rooms go that nobody has pinned since before `since`, and those beyond
    /// RoomsOptions::max_idle_rooms. Looks at a bounded number of them.
    void sweep(core::MonotonicTime since);

    /// Lets the room go if nobody has pinned it and nothing is under way. Whether it is gone.
    [[nodiscard]] bool release(std::string_view name);

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::size_t idle() const;

  private:
    /// Rooms that have left.
    using Unloaded = std::vector<std::shared_ptr<Room>>;
    struct Place {
        std::shared_ptr<Room> room;
        std::uint32_t pins = 0;
        std::list<std::string_view>::iterator idle{};  ///< with pins 0
        core::MonotonicTime idle_since{};
    };
    [[nodiscard]] Pin obtain(std::string_view name, Unloaded& gone);
    [[nodiscard]] Pin pin(Place& place);
    void unpin(Room& room);
    /// To be called when the lock is free again.
    void let_go(Unloaded gone);
    /// Lets up to `wanted` of the rooms go that have been idle longest; whether one has.
    bool unload(std::size_t wanted, std::size_t most_asked, Unloaded& gone);
    bool try_unload(std::list<std::string_view>::iterator oldest, Unloaded& gone);

    Engine& engine_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string_view, Place> places_;  ///< keys are the rooms' own names
    std::list<std::string_view> idle_;                    ///< longest idle first
    const std::shared_ptr<Remains> remains_ = std::make_shared<Remains>();
};

}  // namespace pulse::rooms
