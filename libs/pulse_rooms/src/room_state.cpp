// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages that change what is kept: polls, counters, config; and snapshots of it.
#include "number.hpp"
#include "room.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace {

/// What is shown to a new subscriber in one turn.
constexpr std::size_t kMaxRunBytes = std::size_t{256} * 1024;

std::uint32_t number_of(const Poll& poll) noexcept { return poll.number(); }
std::uint32_t number_of(const Counter& counter) noexcept { return counter.number; }

/// Whether an id is longer as it was written than any text of that many bytes: it is repeated so.
bool is_padded(json::Value id, std::size_t most) noexcept {
    constexpr std::size_t kLongestEscape = 6;
    return most != 0 && id.raw.size() > most * kLongestEscape + 2;
}

/// What ECMAScript takes for false: such data of a counter means one step of the default counter,
/// and such an id the default id.
bool is_falsy(json::Value value) {
    switch (value.type()) {
        case json::Type::absent:
        case json::Type::null:
            return true;
        case json::Type::boolean:
            return value.raw == "false";
        case json::Type::number:
            return to_double(value.raw) == 0;
        case json::Type::text:
            return value.raw.size() == 2;
        default:
            return false;
    }
}

/// The decimal number that a counter's `value` is, empty for 0; nothing when it is none.
std::optional<std::string> step_of(json::Value value) {
    switch (value.type()) {
        case json::Type::null:
            return std::string();
        case json::Type::boolean:
            return std::string(value.raw == "true" ? "1" : "");
        case json::Type::number:
            return std::string(value.raw);
        case json::Type::text: {
            const std::string text = value.text();
            const auto number = decimal_of_text(text);
            if (!number) return std::nullopt;
            return std::string(*number);
        }
        default:
            return std::nullopt;
    }
}

}  // namespace

Room::KeyOrder Room::order_of(std::string_view id, std::uint32_t number) {
    const auto index = array_index(id);
    return {index ? *index : UINT64_MAX, number};
}

Poll* Room::find_or_make_poll(PollBook& book, std::string_view event, const std::string& id,
                              bool& is_new) {
    auto found = book.polls.find(id);
    if (found != book.polls.end()) return found->second.get();
    const std::size_t most = engine_.limits().max_polls;
    if (most != 0 && book.polls.size() >= most) return nullptr;
    is_new = true;
    auto topic = std::make_shared<const Topic>(Topic{std::string(event), id == "all" ? "" : id});
    auto poll = std::make_unique<Poll>(id, ++book.last_number, std::move(topic));
    return book.polls.emplace(id, std::move(poll)).first->second.get();
}

void Room::on_poll(const MemberPtr& member, LanePart& at, const Message& message) {
    const bool is_ephemeral = message.type == MessageType::ephemeral_poll;
    const Entry entry = read_entry(message.data);
    const auto id = property_key(entry.id);
    const auto answer = property_key(entry.answer);
    if (!id || !answer) return;
    const RoomsLimits& limits = engine_.limits();
    const bool is_too_long = limits.max_name_bytes != 0 && (id->size() > limits.max_name_bytes ||
                                                            answer->size() > limits.max_name_bytes);
    const bool is_kept =
        is_ephemeral || (is_storable(entry.id.raw.size()) && is_storable(entry.answer.raw.size()));
    if (is_too_long || !is_kept || is_padded(entry.id, limits.max_name_bytes)) {
        return reply_error(member, at, "The poll's id or answer is too long");
    }
    const std::size_t most_stats = limits.max_stats_bytes;
    if (most_stats != 0 && Poll::stats_bytes(*answer) > most_stats) {
        return reply_error(member, at, "The poll's answers are too long together");
    }
    PollBook& book = is_ephemeral ? ephemeral_ : polls_;
    const std::string_view event = is_ephemeral ? "ephemeralPoll" : "poll";
    bool is_new = false;
    Poll* const poll = find_or_make_poll(book, event, *id, is_new);
    if (poll == nullptr) return reply_error(member, at, "The room has too many polls");
    if (!poll->has_answer(*answer)) {
        if (limits.max_answers_per_poll != 0 && poll->answers() >= limits.max_answers_per_poll) {
            return reply_error(member, at, "The poll has too many answers");
        }
        // Each vote repeats them all.
        if (most_stats != 0 && poll->stats_bytes() + Poll::stats_bytes(*answer) > most_stats) {
            return reply_error(member, at, "The poll's answers are too long together");
        }
    }
    Session& session = *member->session;
    const std::uint64_t voter = session.suffix;
    const auto before = poll->vote(voter, *answer);
    if (is_ephemeral && (!before || keep_vote(voter, *id))) session.ephemeral.push_back(*id);
    const Subject subject = is_ephemeral ? 0 : subject_of(*poll);
    std::vector<Item> items;
    if (is_heard(event)) {
        items.push_back(publish_item(at, poll->topic(), poll_message(event, entry.id.raw, *poll)));
    }
    if (is_ephemeral || before == *answer) {
        for (Item& each : items) emit(at, member, std::move(each), true, subject);
        return;
    }
    if (is_new) write(keys::poll(poll->number()), subject, stored_text(*id));
    write(keys::vote(poll->number(), voter), subject, stored_text(*answer));
    emit_change(at, member, std::move(items), subject,
                [id = *id, voter, before, is_new](Room& room) {
                    const auto found = room.polls_.polls.find(id);
                    if (found == room.polls_.polls.end()) return;
                    if (is_new) {
                        room.polls_.polls.erase(found);
                    } else if (before) {
                        (void)found->second->vote(voter, *before);
                    } else {
                        (void)found->second->vote(voter, std::nullopt);
                    }
                });
}

void Room::on_counter(const MemberPtr& member, LanePart& at, const Message& message) {
    constexpr std::string_view kDefault = "default";
    constexpr std::string_view kDefaultRaw = R"("default")";
    std::string id(kDefault);
    std::string_view id_raw = kDefaultRaw;
    bool is_id_padded = false;
    std::optional<std::string> step = "1";
    if (!is_falsy(message.data)) {
        if (!message.data.is(json::Type::object)) return;
        const Entry entry = read_entry(message.data);
        step = step_of(entry.value);
        if (!is_falsy(entry.id)) {
            auto key = property_key(entry.id);
            if (!key) return;
            id = std::move(*key);
            id_raw = entry.id.raw;
            is_id_padded = is_padded(entry.id, engine_.limits().max_name_bytes);
        }
    }
    if (!step) return;
    const RoomsLimits& limits = engine_.limits();
    const bool is_too_long = limits.max_name_bytes != 0 && id.size() > limits.max_name_bytes;
    if (is_too_long || !is_storable(id_raw.size()) || is_id_padded) {
        return reply_error(member, at, "The counter's id is too long");
    }
    const auto found = counters_.find(id);
    const bool is_new = found == counters_.end();
    if (is_new && limits.max_counters != 0 && counters_.size() >= limits.max_counters) {
        return reply_error(member, at, "The room has too many counters");
    }
    Amount sum = is_new ? Amount(engine_.counter_form) : found->second->amount;
    if (!sum.add(*step)) return reply_error(member, at, "The counter would have too many digits");
    Counter* counter = nullptr;
    if (is_new) {
        auto topic = std::make_shared<const Topic>(Topic{"counter", id == "all" ? "" : id});
        auto made = std::make_unique<Counter>(
            Counter{id, ++last_counter_, std::move(topic), std::move(sum)});
        counter = made.get();
        counters_.emplace(std::move(id), std::move(made));
    } else {
        counter = found->second.get();
        counter->amount = std::move(sum);
    }
    write(*counter);
    std::vector<Item> items;
    if (is_heard("counter")) {
        items.push_back(publish_item(at, counter->topic, counter_message(id_raw, *counter)));
    }
    emit_change(at, member, std::move(items), subject_of(*counter), {});
}

void Room::on_config(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!member->is_admin || !message.data.is_present()) return;
    std::string text =
        message.data.is(json::Type::text) ? message.data.text() : std::string(message.data.raw);
    const std::size_t most = engine_.limits().max_config_bytes;
    if ((most != 0 && text.size() > most) || !is_storable(text.size())) {
        return reply_error(member, at, "The config is too long");
    }
    change_config(member, at, std::move(text), {});
}

void Room::change_config(const MemberPtr& from, LanePart& at, std::string text, Done done) {
    std::string before = std::exchange(config_, std::move(text));
    write(keys::kConfig, kPeople, config_);
    std::vector<Item> items;
    items.push_back(publish_item(at, nullptr, config_message()));
    Waiting& waiting =
        emit_change(at, from, std::move(items), kPeople,
                    [before = std::move(before)](Room& room) { room.config_ = before; });
    waiting.done = std::move(done);
}

void Room::set_config(LanePart& at, std::string text, Done done) {
    if (!is_storable(text.size())) return done(std::make_error_code(std::errc::message_size));
    {
        const std::lock_guard lock(mutex_);
        if (!is_overfull()) return change_config(nullptr, at, std::move(text), std::move(done));
    }
    done(make_error_code(core::Error::store_overloaded));
}

void Room::broadcast(LanePart& at, const std::optional<Topic>& to, std::string_view message) {
    {
        const std::lock_guard lock(mutex_);
        publish_free(at, nullptr, to ? std::make_shared<const Topic>(*to) : nullptr, message);
    }
    at.settle();
}

bool Room::is_heard(std::string_view event) const {
    const auto kind = state_event(event);
    return !kind || audience_.coming.load() != 0 || audience_.listening[*kind].load() != 0;
}

/// Both take effect in their place among publications: those before them go to who listened then.
/// What is too much for a turn is left to show_more().
void Room::show(const MemberPtr& member, LanePart& at, SnapshotRun run) {
    if (run.is_first) ++audience_.coming;
    const bool is_of_state = state_event(run.topic.event).has_value();
    std::vector<Item> items = snapshot_items(member, at, run);
    if (run.end) {
        showing_[member.get()] = SnapshotRun{run.topic, *run.end, std::nullopt, false, false};
    }
    if (!must_wait(member, is_of_state, 0)) {
        for (Item& each : items) dispatch(at, std::move(each));
        return;
    }
    enqueue(at, member, std::move(items), 0).snapshot = std::move(run);
}

bool Room::show_more(const MemberPtr& member, LanePart& at) {
    bool is_unfinished = false;
    {
        const std::lock_guard lock(mutex_);
        auto run = showing_.extract(member.get());
        if (run.empty() || member->session == nullptr) return false;
        show(member, at, std::move(run.mapped()));
        is_unfinished = showing_.contains(member.get());
    }
    at.settle();
    return is_unfinished;
}

std::vector<Item> Room::snapshot_items(const MemberPtr& member, LanePart& at, SnapshotRun& run) {
    std::vector<Item> items;
    const auto kind = run.is_first ? Item::Kind::subscribe : Item::Kind::snapshot;
    items.push_back(item(kind, std::make_shared<const Topic>(run.topic), member, {}));
    if (state_event(run.topic.event)) append_snapshot(items, member, at, run);
    // Made anew after a failure, it shows as much as before: the next one begins behind it.
    run.is_measured = true;
    items.front().followers = static_cast<std::uint32_t>(items.size() - 1);
    return items;
}

void Room::append_snapshot(std::vector<Item>& items, const MemberPtr& member, LanePart& at,
                           SnapshotRun& run) {
    const Topic& topic = run.topic;
    const auto add = [&](const std::string& id, const auto& thing) {
        std::string quoted;
        json::append_text(quoted, id);
        std::string message;
        if constexpr (std::is_same_v<decltype(thing), const Counter&>) {
            message = counter_message(quoted, thing);
        } else {
            message = poll_message(topic.event, quoted, thing);
        }
        items.push_back(reply_item(at, member, message));
        return message.size();
    };
    const auto add_all = [&](const auto& things) {
        if (!topic.is_wildcard()) {
            const auto found = things.find(topic.id);
            if (found != things.end()) add(found->first, *found->second);
            return;
        }
        using Place = std::pair<KeyOrder, typename std::decay_t<decltype(things)>::const_pointer>;
        std::vector<Place> places;
        for (const auto& each : things) {
            const KeyOrder order = order_of(each.first, number_of(*each.second));
            if (order < run.begin || (run.end && order >= *run.end)) continue;
            places.emplace_back(order, &each);
        }
        std::sort(places.begin(), places.end(),
                  [](const Place& a, const Place& b) { return a.first < b.first; });
        std::size_t bytes = 0;
        for (const auto& [order, place] : places) {
            if (bytes >= kMaxRunBytes && !run.is_measured) {
                run.end = order;
                break;
            }
            bytes += add(place->first, *place->second);
        }
    };
    if (topic.event == "counter") return add_all(counters_);
    add_all(topic.event == "poll" ? polls_.polls : ephemeral_.polls);
}

}  // namespace pulse::rooms
