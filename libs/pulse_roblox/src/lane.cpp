// SPDX-License-Identifier: MIT OR Apache-2.0
#include "lane.hpp"

#include <algorithm>

namespace pulse::roblox {

Priority Lane::priority_of(const Topic& topic) noexcept {
    if (topic.by_priority[2] != 0) return Priority::high;
    return topic.by_priority[1] != 0 ? Priority::normal : Priority::low;
}

Lane::Rank Lane::rank_of(Topic& topic) noexcept {
    return {-static_cast<int>(priority_of(topic)), topic.items.front().order, &topic};
}

Lane::Topic& Lane::topic_of(const std::string& name) {
    std::unique_ptr<Topic>& topic = topics_[name];
    if (!topic) topic = std::make_unique<Topic>();
    return *topic;
}

void Lane::add(Topic& topic, const Pending& message) {
    ++topic.by_priority[static_cast<std::size_t>(message.priority)];
    ++count_;
    counted_ += message.counted + message.counted_topic;
    ranks_.insert(rank_of(topic));
}

Pending* Lane::push_back(Pending message) {
    Topic& topic = topic_of(message.topic);
    if (!topic.items.empty()) ranks_.erase(rank_of(topic));
    topic.items.push_back(std::move(message));
    add(topic, topic.items.back());
    return &topic.items.back();
}

void Lane::push_front(Node node) {
    Topic& topic = topic_of(node.front().topic);
    if (!topic.items.empty()) ranks_.erase(rank_of(topic));
    topic.items.splice(topic.items.begin(), node);
    add(topic, topic.items.front());
}

const Pending* Lane::peek() const noexcept {
    return ranks_.empty() ? nullptr : &std::get<Topic*>(*ranks_.begin())->items.front();
}

Lane::Node Lane::take() {
    Topic& topic = *std::get<Topic*>(*ranks_.begin());
    return remove(topic, topic.items.begin());
}

Lane::Node Lane::remove(Topic& topic, std::list<Pending>::iterator item) {
    ranks_.erase(rank_of(topic));
    Node node;
    node.splice(node.begin(), topic.items, item);
    const Pending& message = node.front();
    --topic.by_priority[static_cast<std::size_t>(message.priority)];
    --count_;
    counted_ -= message.counted + message.counted_topic;
    if (topic.items.empty()) {
        topics_.erase(message.topic);
    } else {
        ranks_.insert(rank_of(topic));
    }
    return node;
}

Priority Lane::priority() const noexcept {
    return ranks_.empty() ? Priority::low : static_cast<Priority>(-std::get<int>(*ranks_.begin()));
}

std::optional<core::MonotonicTime> Lane::oldest() const noexcept {
    // The first of each priority suffices: within one priority the heads stand in order of arrival.
    std::optional<core::MonotonicTime> oldest;
    for (auto rank = ranks_.begin(); rank != ranks_.end();) {
        const core::MonotonicTime at = std::get<Topic*>(*rank)->items.front().queued_at;
        if (!oldest || at < *oldest) oldest = at;
        rank = ranks_.lower_bound(Rank{std::get<int>(*rank) + 1, 0, nullptr});
    }
    return oldest;
}

}  // namespace pulse::roblox
