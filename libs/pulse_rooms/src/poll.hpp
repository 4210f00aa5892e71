// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who chose what, and how often each answer was chosen.
#pragma once

#include "topic.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pulse::rooms {

/// One poll. Voters are known by the suffix of their session. A vote costs the same however many
/// there are. Under the room's lock.
class Poll {
  public:
    Poll(std::string id, std::uint32_t number, TopicPtr topic)
        : id_(std::move(id)), number_(number), topic_(std::move(topic)) {}

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] const TopicPtr& topic() const noexcept { return topic_; }

    /// Votes, or with no answer takes the vote back. `since` orders answers where the order in
    /// which they were first given is not known (see sort()). Returns what the vote was before.
    std::optional<std::string> vote(std::uint64_t voter, std::optional<std::string_view> answer,
                                    std::uint64_t since = 0);
    [[nodiscard]] std::size_t answers() const noexcept { return order_.size(); }
    [[nodiscard]] std::size_t votes() const noexcept { return votes_.size(); }
    /// About what append_stats() appends, and what one more answer adds to it.
    [[nodiscard]] std::size_t stats_bytes() const noexcept { return stats_bytes_; }
    [[nodiscard]] static std::size_t stats_bytes(std::string_view answer) noexcept {
        return answer.size() + kCountBytes;
    }
    [[nodiscard]] bool has_answer(std::string_view answer) const {
        return answers_.contains(answer);
    }

    /// Appends {"answer":count,…} in the order of an ECMAScript object's keys.
    void append_stats(std::string& out) const;
    /// Once all stored votes are in.
    void sort();
    /// Of a poll that nobody will ask any more: forgets up to `most` of those who have voted.
    /// Returns how many.
    std::size_t free_votes(std::size_t most);

  private:
    struct Answer {
        std::string text;
        std::optional<std::uint32_t> index;
        std::uint64_t count = 0;
        std::uint64_t since = 0;
    };
    static constexpr std::size_t kCountBytes = 24;  ///< ,"":18446744073709551615
    Answer& find_or_add(std::string_view text, std::uint64_t since);
    void drop_one(Answer& answer);

    std::string id_;
    std::uint32_t number_;
    TopicPtr topic_;
    std::unordered_map<std::string_view, std::unique_ptr<Answer>> answers_;  ///< keys are in them
    std::vector<Answer*> order_;
    std::size_t stats_bytes_ = 0;
    std::unordered_map<std::uint64_t, Answer*> votes_;
};

}  // namespace pulse::rooms
