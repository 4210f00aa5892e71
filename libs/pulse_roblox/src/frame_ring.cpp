// SPDX-License-Identifier: MIT OR Apache-2.0
#include "frame_ring.hpp"

namespace pulse::roblox {

void FrameRing::add(std::string_view real_topic, std::uint64_t seq, std::string text,
                    std::size_t messages, core::MonotonicTime now) {
    auto topic = topics_.find(real_topic);
    if (topic == topics_.end()) topic = topics_.emplace(real_topic, Frames{}).first;
    const std::size_t bytes = text.size();
    const bool is_new = topic->second.emplace(seq, Frame{std::move(text), messages}).second;
    if (!is_new) return;
    bytes_ += bytes;
    messages_ += messages;
    by_age_.push_back({now, std::string(real_topic), seq});
    evict(now);
}

void FrameRing::make_void(std::string_view real_topic, std::uint64_t seq) {
    const auto topic = topics_.find(real_topic);
    if (topic == topics_.end()) return;
    const auto frame = topic->second.find(seq);
    if (frame == topic->second.end()) return;
    bytes_ -= frame->second.text.size();
    messages_ -= frame->second.messages;
    frame->second = Frame{};
}

void FrameRing::evict(core::MonotonicTime now) {
    // Frames of no messages (void ones) count for their place.
    const auto is_crowded = [this, now] {
        const bool is_old = by_age_.front().at + options_.keep_for <= now;
        return bytes_ > options_.max_bytes || (is_old && (messages_ > options_.keep_messages ||
                                                          by_age_.size() > options_.keep_messages));
    };
    while (!by_age_.empty() && is_crowded()) {
        const Age& oldest = by_age_.front();
        const auto topic = topics_.find(oldest.real_topic);
        const auto frame = topic->second.find(oldest.seq);
        bytes_ -= frame->second.text.size();
        messages_ -= frame->second.messages;
        topic->second.erase(frame);
        if (topic->second.empty()) topics_.erase(topic);
        by_age_.pop_front();
    }
}

void FrameRing::clear() {
    topics_.clear();
    by_age_.clear();
    messages_ = 0;
    bytes_ = 0;
}

FrameRing::Found FrameRing::find(std::string_view real_topic, std::uint64_t first,
                                 std::uint64_t last, core::MonotonicTime now) {
    evict(now);
    Found found;
    const auto topic = topics_.find(real_topic);
    for (std::uint64_t seq = first; seq <= last; ++seq) {
        if (seq - first == options_.max_answer) {
            found.has_more = true;
            break;
        }
        const Frame* frame = nullptr;
        if (topic != topics_.end()) {
            const auto place = topic->second.find(seq);
            if (place != topic->second.end()) frame = &place->second;
        }
        if (frame == nullptr) {
            found.gone_seqs.push_back(seq);
        } else if (frame->text.empty()) {
            found.void_seqs.push_back(seq);
        } else {
            found.frames.push_back(frame->text);
        }
    }
    return found;
}

}  // namespace pulse::roblox
