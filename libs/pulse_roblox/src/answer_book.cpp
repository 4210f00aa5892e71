// SPDX-License-Identifier: MIT OR Apache-2.0
#include "answer_book.hpp"

namespace pulse::roblox {

void AnswerBook::erase(Records::iterator record) {
    bytes_ -= record->key.size() + record->answer.size();
    by_key_.erase(record->key);
    records_.erase(record);
}

void AnswerBook::evict(core::MonotonicTime now) {
    while (!records_.empty() &&
           (records_.front().begun + options_.keep_for <= now ||
            records_.size() > options_.max_entries || bytes_ > options_.max_bytes)) {
        erase(records_.begin());
    }
}

AnswerBook::Entry AnswerBook::begin(std::string_view key, core::MonotonicTime now) {
    evict(now);
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
        ++duplicates_;
        const Record& record = *found->second;
        return {.is_known = true, .is_answered = record.is_answered, .answer = record.answer};
    }
    records_.push_back({.key = std::string(key), .answer = {}, .is_answered = false, .begun = now});
    by_key_.emplace(records_.back().key, std::prev(records_.end()));
    bytes_ += key.size();
    while (records_.size() > options_.max_entries) erase(records_.begin());
    return {};
}

void AnswerBook::answer(std::string_view key, std::string answer) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    Record& record = *found->second;
    bytes_ = bytes_ - record.answer.size() + answer.size();
    record.answer = std::move(answer);
    record.is_answered = true;
}

void AnswerBook::abandon(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end() && !found->second->is_answered) erase(found->second);
}

}  // namespace pulse::roblox
