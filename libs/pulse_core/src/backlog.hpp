// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waits for one peer's full socket.
#pragma once

#include <cstdint>
#include <deque>

#include <pulse/core/lane.hpp>
#include <pulse/core/outlet.hpp>

namespace pulse::core {

struct Outlet::Backlog {
    struct Entry {
        ChunkRef chunk;
        std::uint32_t begin;
        std::uint32_t end;
        std::uint32_t messages;
        bool is_droppable;
    };
    enum class Verdict : std::uint8_t { kept, dropped, overflow };

    std::deque<Entry> entries;
    std::size_t bytes = 0;
    std::size_t messages = 0;
    std::size_t reply_bytes = 0;
    ChunkRef copies;  ///< small slices are copied here instead of pinning the chunk they came in
    std::uint32_t copies_used = 0;

    [[nodiscard]] Verdict add(const FrameSlice& slice, bool is_droppable,
                              const OutletLimits& limits, Lane& lane);
    /// Takes `n` bytes off the front; returns what is left of `n` when the backlog is empty.
    std::size_t consume(std::size_t n, LaneStats& stats) noexcept;

    /// Drops all but the first entry.
    void keep_first(LaneStats& stats) noexcept;

  private:
    [[nodiscard]] bool fits(const FrameSlice& slice, const OutletLimits& limits) const noexcept;
    [[nodiscard]] bool make_room(const FrameSlice& slice, const OutletLimits& limits,
                                 LaneStats& stats) noexcept;
    [[nodiscard]] Entry own(const FrameSlice& slice, bool is_droppable, Lane& lane);
    void remove(const std::deque<Entry>::iterator& entry, LaneStats& stats) noexcept;
};

}  // namespace pulse::core
