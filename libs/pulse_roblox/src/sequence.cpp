// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/sequence.hpp>

namespace pulse::roblox {

std::string make_epoch(core::Rng& rng) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    constexpr std::uint64_t kFair = UINT64_MAX - UINT64_MAX % kLetters.size();
    std::string epoch;
    while (epoch.size() < kEpochBytes) {
        const std::uint64_t number = rng.next_u64();
        if (number < kFair) epoch += kLetters[static_cast<std::size_t>(number % kLetters.size())];
    }
    return epoch;
}

MemorySequence::MemorySequence(core::Rng& rng) : rng_(rng), epoch_(make_epoch(rng)) {}

std::optional<std::uint64_t> MemorySequence::take(std::string_view real_topic, unsigned count) {
    auto head = heads_.find(real_topic);
    if (head == heads_.end()) {
        if (heads_.size() >= kMaxTopics) {
            heads_.clear();
            epoch_ = make_epoch(rng_);
        }
        head = heads_.emplace(real_topic, 0).first;
    }
    const std::uint64_t first = head->second + 1;
    head->second += count;
    return first;
}

std::uint64_t MemorySequence::head(std::string_view real_topic) const {
    const auto head = heads_.find(real_topic);
    return head == heads_.end() ? 0 : head->second;
}

void MemorySequence::forget(std::string_view real_topic) {
    const auto head = heads_.find(real_topic);
    if (head != heads_.end()) heads_.erase(head);
}

}  // namespace pulse::roblox
