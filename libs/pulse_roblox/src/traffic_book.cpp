// SPDX-License-Identifier: MIT OR Apache-2.0
#include "traffic_book.hpp"

#include <algorithm>

namespace pulse::roblox {

TrafficBook::Topic* TrafficBook::topic_of(std::string_view name, core::MonotonicTime now) {
    const auto found = topics_.find(name);
    if (found != topics_.end()) return &found->second;
    if (topics_.size() >= max_topics_) {
        // Going through all of them for each message of a new topic would be an attack's lever.
        if (now < swept_ + std::chrono::seconds(1)) return nullptr;
        swept_ = now;
        std::erase_if(topics_, [now](const auto& entry) {
            return entry.second.heard + std::chrono::seconds(60) <= now;
        });
        if (topics_.size() >= max_topics_) return nullptr;
    }
    return &topics_.try_emplace(std::string(name)).first->second;
}

void TrafficBook::count_in(std::string_view name, core::MonotonicTime now) {
    in_.add(now);
    if (Topic* topic = topic_of(name, now)) {
        topic->in.add(now, 1);
        topic->heard = now;
        ++topic->messages;
    }
}

void TrafficBook::count_out(std::string_view name, core::MonotonicTime now) {
    out_.add(now);
    if (Topic* topic = topic_of(name, now)) {
        topic->out.add(now, 1);
        topic->heard = now;
        ++topic->messages;
    }
}

std::vector<TopicFigures> TrafficBook::busiest(std::size_t count, core::MonotonicTime now) const {
    const auto per_second = [now](const Meter& meter) {
        // The slot that is not over yet is part of the minute here: a topic that has just begun is
        // to be seen.
        return static_cast<double>(meter.sum(now, kSlots - 1) + meter.at(now, 0)) /
               (kSlots * kSlotSeconds);
    };
    std::vector<TopicFigures> topics;
    topics.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) {
        topics.push_back({.topic = name,
                          .in_per_second = per_second(topic.in),
                          .out_per_second = per_second(topic.out),
                          .messages = topic.messages});
    }
    const auto is_busier = [](const TopicFigures& a, const TopicFigures& b) {
        const double rate_a = a.in_per_second + a.out_per_second;
        const double rate_b = b.in_per_second + b.out_per_second;
        if (rate_a != rate_b) return rate_a > rate_b;
        return a.messages != b.messages ? a.messages > b.messages : a.topic < b.topic;
    };
    const auto end = topics.begin() + static_cast<std::ptrdiff_t>(std::min(count, topics.size()));
    std::partial_sort(topics.begin(), end, topics.end(), is_busier);
    topics.erase(end, topics.end());
    return topics;
}

}  // namespace pulse::roblox
