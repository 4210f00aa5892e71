// SPDX-License-Identifier: MIT OR Apache-2.0
#include "poll.hpp"

#include "number.hpp"

#include <algorithm>

#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace json = core::json;

Poll::Answer& Poll::find_or_add(std::string_view text, std::uint64_t since) {
    const auto found = answers_.find(text);
    if (found != answers_.end()) {
        found->second->since = std::min(found->second->since, since);
        return *found->second;
    }
    auto made = std::make_unique<Answer>(Answer{std::string(text), array_index(text), 0, since});
    Answer& answer = *made;
    answers_.emplace(answer.text, std::move(made));
    auto place = order_.end();
    if (answer.index) {
        place = std::find_if(order_.begin(), order_.end(), [&](const Answer* other) {
            return !other->index || *other->index > *answer.index;
        });
    }
    order_.insert(place, &answer);
    stats_bytes_ += stats_bytes(answer.text);
    return answer;
}

void Poll::drop_one(Answer& answer) {
    if (--answer.count != 0) return;
    order_.erase(std::find(order_.begin(), order_.end(), &answer));
    stats_bytes_ -= stats_bytes(answer.text);
    answers_.erase(answer.text);
}

std::optional<std::string> Poll::vote(std::uint64_t voter, std::optional<std::string_view> answer,
                                      std::uint64_t since) {
    std::optional<std::string> before;
    const auto found = votes_.find(voter);
    if (found != votes_.end()) {
        before = found->second->text;
        // The same again keeps its place among the answers.
        if (answer && *before == *answer) return before;
        drop_one(*found->second);
        if (!answer) votes_.erase(found);
    }
    if (!answer) return before;
    Answer& chosen = find_or_add(*answer, since);
    ++chosen.count;
    votes_[voter] = &chosen;
    return before;
}

void Poll::append_stats(std::string& out) const {
    out += '{';
    bool is_first = true;
    for (const Answer* answer : order_) {
        if (!is_first) out += ',';
        is_first = false;
        json::append_text(out, answer->text);
        out.append(":").append(std::to_string(answer->count));
    }
    out += '}';
}

std::size_t Poll::free_votes(std::size_t most) {
    std::size_t count = 0;
    for (; count < most && !votes_.empty(); ++count) votes_.erase(votes_.begin());
    return count;
}

void Poll::sort() {
    const auto first_text =
        std::find_if(order_.begin(), order_.end(), [](const Answer* a) { return !a->index; });
    std::stable_sort(first_text, order_.end(),
                     [](const Answer* a, const Answer* b) { return a->since < b->since; });
}

}  // namespace pulse::rooms
