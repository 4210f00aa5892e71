// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages that change what is kept: polls, counters, config; and snapshots of it.
#include "json/scan.hpp"
#include "number.hpp"
#include "room.hpp"

#include <algorithm>
#include <utility>

namespace pulse::rooms {

namespace {

/// Sorts things by the order of an ECMAScript object's keys: indexes first, then by creation.
using KeyOrder = std::pair<std::uint64_t, std::uint32_t>;

KeyOrder order_of(std::string_view id, std::uint32_t number) {
    const auto index = array_index(id);
    return {index ? *index : UINT64_MAX, number};
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
    if (limits.max_name_bytes != 0 &&
        (id->size() > limits.max_name_bytes || answer->size() > limits.max_name_bytes)) {
        return reply_error(member, at, "The poll's id or answer is too long");
    }
    PollBook& book = is_ephemeral ? ephemeral_ : polls_;
    const std::string_view event = is_ephemeral ? "ephemeralPoll" : "poll";
    bool is_new = false;
    Poll* const poll = find_or_make_poll(book, event, *id, is_new);
    if (poll == nullptr) return reply_error(member, at, "The room has too many polls");
    if (limits.max_answers_per_poll != 0 && !poll->has_answer(*answer) &&
        poll->answers() >= limits.max_answers_per_poll) {
        return reply_error(member, at, "The poll has too many answers");
    }
    Session& session = *member->session;
    const std::uint64_t voter = session.suffix;
    const auto before = poll->vote(voter, *answer);
    const std::string text = poll_message(event, entry.id.raw, *poll);
    if (is_ephemeral) {
        if (!before) session.ephemeral.push_back(*id);
        return publish_state(at, member, poll->topic(), text);
    }
    if (before == *answer) return publish_state(at, member, poll->topic(), text);
    if (is_new) write(keys::poll(poll->number()), stored_text(*id));
    write(keys::vote(poll->number(), voter), stored_text(*answer));
    std::vector<Item> items;
    items.push_back(publish_item(at, poll->topic(), text));
    emit_change(at, member, std::move(items), [id = *id, voter, before, is_new](Room& room) {
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
        }
    }
    if (!step) return;
    const RoomsLimits& limits = engine_.limits();
    if (limits.max_name_bytes != 0 && id.size() > limits.max_name_bytes) {
        return reply_error(member, at, "The counter's id is too long");
    }
    const auto found = counters_.find(id);
    const bool is_new = found == counters_.end();
    if (is_new && limits.max_counters != 0 && counters_.size() >= limits.max_counters) {
        return reply_error(member, at, "The room has too many counters");
    }
    Amount sum = is_new ? Amount(engine_.options.counter_form) : found->second->amount;
    if (!sum.add(*step)) return reply_error(member, at, "The counter would have too many digits");
    Amount before(engine_.options.counter_form);
    Counter* counter = nullptr;
    if (is_new) {
        auto topic = std::make_shared<const Topic>(Topic{"counter", id == "all" ? "" : id});
        auto made = std::make_unique<Counter>(
            Counter{id, ++last_counter_, std::move(topic), std::move(sum)});
        counter = made.get();
        counters_.emplace(id, std::move(made));
    } else {
        counter = found->second.get();
        before = std::exchange(counter->amount, std::move(sum));
    }
    write(keys::counter(counter->number), stored_counter(*counter));
    std::vector<Item> items;
    items.push_back(publish_item(at, counter->topic, counter_message(id_raw, *counter)));
    emit_change(at, member, std::move(items),
                [id = std::move(id), before = std::move(before), is_new](Room& room) {
                    const auto place = room.counters_.find(id);
                    if (place == room.counters_.end()) return;
                    if (is_new) {
                        room.counters_.erase(place);
                    } else {
                        place->second->amount = before;
                    }
                });
}

void Room::on_config(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!member->is_admin || !message.data.is_present()) return;
    std::string text =
        message.data.is(json::Type::text) ? message.data.text() : std::string(message.data.raw);
    const std::size_t most = engine_.limits().max_config_bytes;
    if (most != 0 && text.size() > most) return reply_error(member, at, "The config is too long");
    change_config(member, at, std::move(text), {});
}

void Room::change_config(const MemberPtr& from, LanePart& at, std::string text, Done done) {
    std::string before = std::exchange(config_, std::move(text));
    write(keys::kConfig, config_);
    std::vector<Item> items;
    items.push_back(publish_item(at, nullptr, config_message()));
    Waiting& waiting =
        emit_change(at, from, std::move(items),
                    [before = std::move(before)](Room& room) { room.config_ = before; });
    waiting.done = std::move(done);
}

void Room::set_config(LanePart& at, std::string text, Done done) {
    const std::lock_guard lock(mutex_);
    change_config(nullptr, at, std::move(text), std::move(done));
}

void Room::broadcast(LanePart& at, const std::optional<Topic>& to, std::string_view message) {
    {
        const std::lock_guard lock(mutex_);
        publish_free(at, nullptr, to ? std::make_shared<const Topic>(*to) : nullptr, message);
    }
    at.settle();
}

std::vector<Item> Room::make_snapshot(const MemberPtr& member, LanePart& at, const Topic& topic) {
    std::vector<Item> items;
    const auto add = [&](const std::string& message) {
        items.push_back(reply_item(at, member, message));
    };
    const auto quote = [](const std::string& id) {
        std::string out;
        json::append_text(out, id);
        return out;
    };
    if (topic.event == "counter") {
        if (!topic.is_wildcard()) {
            const auto found = counters_.find(topic.id);
            if (found != counters_.end()) add(counter_message(quote(topic.id), *found->second));
            return items;
        }
        std::map<KeyOrder, const Counter*> all;
        for (const auto& [id, counter] : counters_) {
            all[order_of(id, counter->number)] = counter.get();
        }
        for (const auto& [order, counter] : all) add(counter_message(quote(counter->id), *counter));
        return items;
    }
    const PollBook& book = topic.event == "poll" ? polls_ : ephemeral_;
    if (!topic.is_wildcard()) {
        const auto found = book.polls.find(topic.id);
        if (found != book.polls.end()) {
            add(poll_message(topic.event, quote(topic.id), *found->second));
        }
        return items;
    }
    std::map<KeyOrder, const Poll*> all;
    for (const auto& [id, poll] : book.polls) all[order_of(id, poll->number())] = poll.get();
    for (const auto& [order, poll] : all) add(poll_message(topic.event, quote(poll->id()), *poll));
    return items;
}

}  // namespace pulse::rooms
