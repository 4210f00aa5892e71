// SPDX-License-Identifier: MIT OR Apache-2.0
#include "poll_hub.hpp"

#include <algorithm>

namespace pulse::roblox {

namespace {

[[nodiscard]] bool matches(std::string_view topic, std::string_view pattern) noexcept {
    if (pattern.ends_with('*')) return topic.starts_with(pattern.substr(0, pattern.size() - 1));
    return topic == pattern;
}

}  // namespace

bool DownlinkReader::wants(const DownlinkMessage& message) const noexcept {
    if (!message.server.empty() && message.server != server) return false;
    if (message.place != 0 && message.place != place) return false;
    if (message.is_for_deaf_only && hears_frames) return false;
    return topics.empty() || std::any_of(topics.begin(), topics.end(), [&](const auto& pattern) {
               return matches(message.topic, pattern);
           });
}

void PollHub::hold(HeldPoll poll) {
    const PollId id = poll.id;
    HeldPoll& held = polls_[id] = std::move(poll);
    due_.set(id, held.place, held.deadline);
}

std::optional<HeldPoll> PollHub::take(PollId id) {
    const auto found = polls_.find(id);
    if (found == polls_.end()) return {};
    due_.set(id, found->second.place, {});
    std::optional<HeldPoll> poll = std::move(found->second);
    polls_.erase(found);
    if (polls_.empty()) all_due_.reset();
    return poll;
}

std::vector<HeldPoll> PollHub::take_all() {
    std::vector<HeldPoll> all;
    while (!polls_.empty()) all.push_back(*take(polls_.begin()->first));
    return all;
}

void PollHub::update(PollId id, std::uint64_t place, bool hears_frames) {
    const auto found = polls_.find(id);
    if (found == polls_.end()) return;
    found->second.reader.place = place;
    found->second.reader.hears_frames = hears_frames;
}

void PollHub::added_for_all(std::uint64_t seq, core::MonotonicTime now) {
    if (polls_.empty()) return;
    if (!all_due_) {
        all_due_ = now + options_.poll_gather;
        all_first_ = seq;
    } else if (seq - all_first_ + 1 >= options_.poll_max_messages) {
        all_due_ = std::min(*all_due_, now);  // an answer is full
    }
}

void PollHub::added_for(PollId id, std::uint64_t seq, core::MonotonicTime now) {
    const auto found = polls_.find(id);
    if (found == polls_.end()) return;
    HeldPoll& poll = found->second;
    if (poll.first_marked == 0) {
        poll.first_marked = seq;
        due_.sooner(id, poll.place, now + options_.poll_gather);
    } else if (seq - poll.first_marked + 1 >= options_.poll_max_messages) {
        due_.sooner(id, poll.place, now);
    }
}

void PollHub::look(PollId id, core::MonotonicTime now, const Finish& finish) {
    HeldPoll& poll = polls_.find(id)->second;
    std::uint64_t first = poll.first_marked;
    if (all_due_ && (first == 0 || all_first_ < first)) first = all_first_;
    poll.after = std::max(poll.after, first == 0 ? ring_.last_seq() : first - 1);
    const DownlinkRing::Page page = ring_.read_after(
        poll.after, [&poll](const DownlinkMessage& message) { return poll.reader.wants(message); },
        options_.poll_max_messages, options_.poll_max_bytes, now);
    if (!page.messages.empty() || page.has_missed) {
        finish(*take(id), &page);
        return;
    }
    if (poll.deadline <= now) {
        finish(*take(id), nullptr);
        return;
    }
    poll.after = ring_.last_seq();
    poll.first_marked = 0;
    due_.set(id, poll.place, poll.deadline);
}

void PollHub::run(core::MonotonicTime now, const Finish& finish) {
    if (all_due_ && *all_due_ <= now) {
        std::vector<PollId> ids;
        ids.reserve(polls_.size());
        for (const auto& [id, poll] : polls_) ids.push_back(id);
        for (const PollId id : ids) look(id, now, finish);
        all_due_.reset();
    }
    while (const auto id = due_.due(now)) look(*id, now, finish);
}

std::optional<core::MonotonicTime> PollHub::next_due() const noexcept {
    const auto due = due_.earliest();
    if (!all_due_) return due;
    return due ? std::min(*due, *all_due_) : *all_due_;
}

}  // namespace pulse::roblox
