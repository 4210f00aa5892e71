// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pulse::core::detail {

namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const char* p, std::size_t n) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, p, n);
    return value;
}

}  // namespace

std::uint64_t hash_name(std::string_view name, std::uint64_t seed) noexcept {
    constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15ULL;
    constexpr std::uint64_t kOdd2 = 0xd1b54a32d192ed03ULL;
    const char* p = name.data();
    std::size_t left = name.size();
    std::uint64_t state = seed ^ mix(seed ^ kOdd1, name.size() ^ kOdd2);
    while (left > 16) {
        state = mix(load(p, 8) ^ kOdd1, load(p + 8, 8) ^ state);
        p += 16;
        left -= 16;
    }
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    if (left >= 8) {
        a = load(p, 8);
        b = load(p + left - 8, 8);
    } else if (left >= 4) {
        a = load(p, 4);
        b = load(p + left - 4, 4);
    } else if (left > 0) {
        a = (std::uint64_t{static_cast<unsigned char>(p[0])} << 16) |
            (std::uint64_t{static_cast<unsigned char>(p[left / 2])} << 8) |
            static_cast<unsigned char>(p[left - 1]);
    }
    return mix(kOdd2 ^ name.size(), mix(a ^ kOdd1, b ^ state));
}

void LaneChannel::take_pending(std::vector<Segment>& out) noexcept {
    out.swap(pending);
    // When no lane is behind, the log starts anew: an idle channel holds no buffer.
    const auto is_behind = [](const std::unique_ptr<LaneChannel>& lane_channel) {
        return lane_channel != nullptr && !lane_channel->pending.empty();
    };
    if (std::none_of(stream->lanes.begin(), stream->lanes.end(), is_behind)) {
        ChunkRef ends = stream->buffer.release();
    }
}

Channel* ChannelTable::find(std::string_view name, std::uint64_t hash) const noexcept {
    if (slots_.empty()) return nullptr;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
        const Slot& slot = slots_[i];
        if (!slot.channel) return nullptr;
        if (slot.hash == hash && slot.channel->name == name) return slot.channel.get();
    }
}

Channel& ChannelTable::insert(std::unique_ptr<Channel> channel) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = channel->hash & mask;
    while (slots_[i].channel) i = (i + 1) & mask;
    slots_[i].hash = channel->hash;
    slots_[i].channel = std::move(channel);
    ++size_;
    return *slots_[i].channel;
}

void ChannelTable::erase(const Channel& channel) noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t hole = channel.hash & mask;
    while (slots_[hole].channel.get() != &channel) hole = (hole + 1) & mask;
    slots_[hole].channel.reset();
    --size_;
    for (std::size_t i = (hole + 1) & mask; slots_[i].channel; i = (i + 1) & mask) {
        const std::size_t home = slots_[i].hash & mask;
        // The entry may fill the hole unless its home lies after the hole on the way to it.
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            slots_[hole] = std::move(slots_[i]);
            hole = i;
        }
    }
}

void ChannelTable::grow() {
    std::vector<Slot> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? 8 : old.size() * 2);
    const std::size_t mask = slots_.size() - 1;
    for (Slot& slot : old) {
        if (!slot.channel) continue;
        std::size_t i = slot.hash & mask;
        while (slots_[i].channel) i = (i + 1) & mask;
        slots_[i] = std::move(slot);
    }
}

}  // namespace pulse::core::detail
