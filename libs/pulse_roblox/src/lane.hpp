// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What waits for one real topic. Higher priorities first, then first come, first served, and never
// out of order within a virtual topic: a topic is lifted as a whole to the highest priority waiting
// in it.
#pragma once

#include "real_topics.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include <pulse/core/clock.hpp>

namespace pulse::roblox {

using MessageId = std::uint64_t;

/// A message, or one of its two forms, that waits to be put into a frame.
struct Pending {
    MessageId id = 0;
    std::uint64_t order = 0;  ///< of arrival
    Priority priority = Priority::normal;
    core::MonotonicTime queued_at{};
    core::MonotonicTime deadline{};
    std::string topic;
    std::string topic_text;  ///< as JSON
    std::string message;     ///< as JSON; for v0 the whole envelope
    std::string options;     ///< as JSON, or empty
    std::string coalesce_key;
    std::size_t counted = 0;  ///< message, options and what is between, without the topic
    std::size_t counted_topic = 0;
    bool is_spread = false;

    /// What it takes from the bound on bytes.
    [[nodiscard]] std::size_t cost() const noexcept {
        return sizeof(Pending) + topic.size() + topic_text.size() + message.size() +
               options.size() + coalesce_key.size();
    }
};

/// Loop-bound.
class Lane {
  public:
    using Node = std::list<Pending>;  ///< of one element, to be moved without copying

    Lane(std::string real_topic, Target::Kind kind, bool is_v0)
        : real_topic_(std::move(real_topic)), kind_(kind), is_v0_(is_v0) {}

    [[nodiscard]] const std::string& real_topic() const noexcept { return real_topic_; }
    [[nodiscard]] Target::Kind kind() const noexcept { return kind_; }
    [[nodiscard]] bool is_v0() const noexcept { return is_v0_; }
    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    /// Counted size of all that waits, as if alone in frames.
    [[nodiscard]] std::size_t counted() const noexcept { return counted_; }

    /// The returned pointer is good until the message is taken out.
    Pending* push_back(Pending message);
    /// Puts back what take() gave; in reverse order of taking.
    void push_front(Node node);
    [[nodiscard]] const Pending* peek() const noexcept;
    [[nodiscard]] Node take();
    /// Call after changing a waiting message's text.
    void recount(std::size_t counted_before, const Pending& message) noexcept {
        counted_ = counted_ - counted_before + message.counted + message.counted_topic;
    }

    [[nodiscard]] Priority priority() const noexcept;
    [[nodiscard]] std::optional<core::MonotonicTime> oldest() const noexcept;

    /// Takes out what is past its deadline and hands each to `expired`.
    template <typename Expired>
    void expire(core::MonotonicTime now, Expired expired) {
        for (auto topic = topics_.begin(); topic != topics_.end();) {
            Topic& queue = *topic->second;
            ++topic;  // remove() may erase this topic
            for (auto item = queue.items.begin(); item != queue.items.end();) {
                const auto next = std::next(item);
                const bool is_last = queue.items.size() == 1;
                if (item->deadline <= now) {
                    Node node = remove(queue, item);
                    expired(node.front());
                    if (is_last) break;
                }
                item = next;
            }
        }
    }

  private:
    struct Topic {
        std::list<Pending> items;
        std::array<std::size_t, 3> by_priority{};
    };
    using Rank = std::tuple<int, std::uint64_t, Topic*>;  // minus priority, order of the head

    [[nodiscard]] static Priority priority_of(const Topic& topic) noexcept;
    [[nodiscard]] static Rank rank_of(Topic& topic) noexcept;
    Topic& topic_of(const std::string& name);
    void add(Topic& topic, const Pending& message);
    Node remove(Topic& topic, std::list<Pending>::iterator item);

    std::string real_topic_;
    Target::Kind kind_;
    bool is_v0_;
    std::map<std::string, std::unique_ptr<Topic>> topics_;
    std::set<Rank> ranks_;
    std::size_t count_ = 0;
    std::size_t counted_ = 0;
};

}  // namespace pulse::roblox
