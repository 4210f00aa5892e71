// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Messages that change nothing that is kept but the session, and those of admins.
#include "digest.hpp"
#include "number.hpp"
#include "room.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace {

/// How far a signature's time may be from ours.
constexpr double kMaxSkewMs = 300'000;
/// Used keys that a room remembers; one expires within ten minutes.
constexpr std::size_t kMaxUsedKeys = 10'000;

std::string lower_hex(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

constexpr std::size_t kMaxStampDigits = 15;  // far beyond any date, and exact in a double

/// Nothing stands between name and time in what is signed: were "01" a way to write 1, a key for
/// the room "a0" would be one for "a".
bool is_canonical(std::string_view digits) noexcept {
    return !digits.empty() && digits.size() <= kMaxStampDigits && digits.front() != '0' &&
           digits.find_first_not_of("0123456789") == std::string_view::npos;
}

/// `ts` as ECMAScript makes text and a number of it.
struct Stamp {
    std::string text;
    double number;
    bool is_plain = true;  ///< can be read in one way only
};

std::optional<Stamp> read_stamp(json::Value ts) {
    switch (ts.type()) {
        case json::Type::number: {
            const double number = to_double(ts.raw);
            return Stamp{ecmascript_text(number), number};
        }
        case json::Type::text: {
            std::string text = ts.text();
            const auto decimal = decimal_of_text(text);
            const double number = !decimal           ? std::nan("")
                                  : decimal->empty() ? 0.0
                                                     : to_double(*decimal);
            const bool is_plain = is_canonical(text);
            return Stamp{std::move(text), number, is_plain};
        }
        case json::Type::null:
            return Stamp{"null", 0};
        case json::Type::boolean:
            return Stamp{std::string(ts.raw), ts.raw == "true" ? 1.0 : 0.0};
        case json::Type::array:
        case json::Type::object:
            return Stamp{std::string(ts.raw), std::nan("")};
        case json::Type::absent:
            break;
    }
    return std::nullopt;
}

}  // namespace

bool Room::handle(const MemberPtr& member, LanePart& at, const Message& message) {
    EngineCounters::add(engine_.counters.messages);
    bool is_unfinished = false;
    {
        const std::lock_guard lock(mutex_);
        if (member->session == nullptr) return false;
        member->last_ms.store(now_ms(), std::memory_order_relaxed);
        switch (message.type) {
            case MessageType::authenticate:
                on_authenticate(member, at, message);
                break;
            case MessageType::broadcast:
                on_broadcast(member, at, message);
                break;
            case MessageType::chat:
                on_chat(member, at, message);
                break;
            case MessageType::config:
                on_config(member, at, message);
                break;
            case MessageType::counter:
                on_counter(member, at, message);
                break;
            case MessageType::delete_relay:
                on_delete_relay(member, message);
                break;
            case MessageType::ephemeral_poll:
            case MessageType::poll:
                on_poll(member, at, message);
                break;
            case MessageType::login:
                on_login(member, at, message);
                break;
            case MessageType::profile:
                reply_profile(at, member);
                break;
            case MessageType::relay:
                on_relay(member, at, message);
                break;
            case MessageType::subscribe:
                on_subscribe(member, at, message);
                break;
            case MessageType::unsubscribe:
                on_unsubscribe(member, at, message);
                break;
            case MessageType::close:
                emit(at, member, item(Item::Kind::close, nullptr, member, {}), false);
                break;
            case MessageType::other:
                break;
        }
        // Behind the effect. An admin may listen in on any type, built in or made up.
        if (!relays_.empty()) relay(member, at, message);
        is_unfinished = showing_.contains(member.get());
    }
    at.settle();
    return is_unfinished;
}

void Room::refuse(const MemberPtr& member, LanePart& at, std::string_view text) {
    {
        const std::lock_guard lock(mutex_);
        reply_error(member, at, text);
    }
    at.settle();
}

void Room::on_login(const MemberPtr& member, LanePart& at, const Message& message) {
    const std::size_t most = engine_.limits().max_properties_bytes;
    if (most != 0 && message.data.raw.size() > most) {
        return reply_error(member, at, "The properties are too long");
    }
    Session& session = *member->session;
    Properties before = std::exchange(session.properties, make_properties(message.data));
    std::string stored = stored_session(session);
    if (!is_storable(stored.size())) {
        session.properties = std::move(before);
        return reply_error(member, at, "The properties are too long");
    }
    write(keys::session(session.id), kPeople, std::move(stored));
    std::vector<Item> items;
    items.push_back(reply_item(at, member, profile_message(*member, session)));
    Waiting& waiting =
        emit_change(at, member, std::move(items), kPeople,
                    [&session, before = std::move(before)](Room&) { session.properties = before; });
    ++session.pending;
    waiting.session = &session;
}

void Room::on_subscribe(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!message.data.is(json::Type::text)) return;
    const std::string text = message.data.text();
    const RoomsLimits& limits = engine_.limits();
    auto topic = parse_topic(text);
    if (!topic) return;
    if (limits.max_name_bytes != 0 &&
        (topic->event.size() > limits.max_name_bytes || topic->id.size() > limits.max_name_bytes)) {
        return reply_error(member, at, "The subscription's name is too long");
    }
    show(member, at, SnapshotRun{std::move(*topic), {}, std::nullopt, true, false});
}

void Room::on_unsubscribe(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!message.data.is(json::Type::text)) return;
    auto topic = parse_topic(message.data.text());
    if (!topic) return;
    const bool is_of_state = state_event(topic->event).has_value();
    emit(
        at, member,
        item(Item::Kind::unsubscribe, std::make_shared<const Topic>(std::move(*topic)), member, {}),
        is_of_state);
}

void Room::on_chat(const MemberPtr& member, LanePart& at, const Message& message) {
    const Session& session = *member->session;
    std::string& out = scratch_;
    out = R"({"type":"chat","data":{)";
    if (message.data.is_present()) {
        out.append(R"("message":)").append(message.data.raw).append(",");
    }
    out.append(R"("user":{"suffix":)").append(std::to_string(session.suffix));
    out.append(R"(,"properties":)").append(session.properties.open).append("}}}");
    publish_free(at, member, engine_.chat, out);
    if (out.capacity() > 4096) out = std::string();
}

void Room::on_broadcast(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!member->is_admin || !message.data.is(json::Type::object)) return;
    const json::Value type = member_of(message.data, "type");
    const json::Value to = member_of(message.data, "to");
    const json::Value data = member_of(message.data, "data");
    if (!type.is(json::Type::text)) return;
    TopicPtr topic;
    if (to.is(json::Type::text) && to.raw.size() > 2) {
        auto wanted = parse_topic(to.text());
        if (!wanted) return;
        topic = std::make_shared<const Topic>(std::move(*wanted));
    } else if (to.is_present() && !to.is(json::Type::null) && !to.is(json::Type::text)) {
        return;
    }
    std::string out = R"({"type":)";
    out += type.raw;
    if (data.is_present()) out.append(R"(,"data":)").append(data.raw);
    publish_free(at, member, std::move(topic), out += '}');
}

void Room::on_relay(const MemberPtr& member, LanePart& at, const Message& message) {
    if (!member->is_admin || !message.data.is(json::Type::text)) return;
    std::string type = message.data.text();
    const RoomsLimits& limits = engine_.limits();
    if (std::find(member->relays.begin(), member->relays.end(), type) != member->relays.end()) {
        return;
    }
    if (limits.max_relays != 0 && member->relays.size() >= limits.max_relays) {
        return reply_error(member, at, "There are too many relays");
    }
    if (limits.max_name_bytes != 0 && type.size() > limits.max_name_bytes) {
        return reply_error(member, at, "The relay's name is too long");
    }
    relays_[type].push_back(member);
    member->relays.push_back(std::move(type));
}

void Room::on_delete_relay(const MemberPtr& member, const Message& message) {
    if (!member->is_admin) return;
    if (!message.data.is_present() || message.data.is(json::Type::null)) {
        return end_relays(member, nullptr);
    }
    if (!message.data.is(json::Type::text)) return;
    const std::string type = message.data.text();
    end_relays(member, type.empty() ? nullptr : &type);
}

void Room::end_relays(const MemberPtr& member, const std::string* type) {
    std::erase_if(member->relays, [&](const std::string& each) {
        if (type != nullptr && each != *type) return false;
        const auto listeners = relays_.find(each);
        std::erase(listeners->second, member);
        if (listeners->second.empty()) relays_.erase(listeners);
        return true;
    });
}

void Room::relay(const MemberPtr& member, LanePart& at, const Message& message) {
    const auto listeners = relays_.find(message.name);
    if (listeners == relays_.end()) return;
    std::string out = R"({"data":{"type":)";
    json::append_text(out, message.name);
    if (message.data.is_present()) out.append(R"(,"data":)").append(message.data.raw);
    out.append(R"(,"user":)").append(profile(*member, *member->session));
    out += R"(},"type":)";
    json::append_text(out, "relay:" + message.name);
    out += '}';
    const Frame frame = at.encode(out);
    for (const MemberPtr& admin : listeners->second) {
        Waiting* const waiting =
            emit(at, member, item(Item::Kind::reply, nullptr, admin, frame), false, kPeople);
        if (waiting != nullptr) waiting->is_silent = true;
    }
}

void Room::on_authenticate(const MemberPtr& member, LanePart& at, const Message& message) {
    const auto stamp = read_stamp(member_of(message.data, "ts"));
    if (!stamp) return;
    const std::uint64_t now = now_ms();
    const std::uint64_t whole_seconds = now / 1000 * 1000;
    const auto now_seconds = static_cast<double>(whole_seconds);
    const double skew = std::fabs(stamp->number - now_seconds);
    if (!stamp->is_plain || !(skew <= kMaxSkewMs)) {
        return reply_error(member, at,
                           "Wrong timestamp. Received " + stamp->text + " but now is " +
                               ecmascript_text(now_seconds) + " Diff is " + ecmascript_text(skew));
    }
    const std::string& secret = engine_.options().signing_key;
    const json::Value given = member_of(message.data, "key");
    if (secret.empty() || !given.is(json::Type::text)) return;
    const std::string key = lower_hex(given.text());
    if (!is_equal_secret(key, sha256_hex(name_ + stamp->text + secret))) return;
    if (member->is_admin || !engine_.options().has_single_use_keys) {
        const bool was_admin = std::exchange(member->is_admin, true);
        Waiting* const waiting = reply_profile(at, member);
        if (waiting == nullptr || was_admin) return;
        waiting->undo = [member](Room& room) {
            member->is_admin = false;
            room.end_relays(member, nullptr);
        };
        return;
    }
    std::erase_if(used_keys_, [now](const auto& each) { return each.second <= now; });
    if (used_keys_.contains(key)) return;
    if (used_keys_.size() >= kMaxUsedKeys) {
        return reply_error(member, at, "Too many keys were used; try again in ten minutes");
    }
    // Until it would be too old anyway. Kept in the store, too: neither a restart nor the room's
    // leaving memory makes it new.
    const auto until = static_cast<std::uint64_t>(stamp->number + kMaxSkewMs) + 2'000;
    used_keys_[key] = until;
    write(keys::used_key(key), kPeople, "1",
          std::chrono::milliseconds(until - std::min(until, now)));
    member->is_admin = true;
    std::vector<Item> items;
    items.push_back(reply_item(at, member, profile_message(*member, *member->session)));
    emit_change(at, member, std::move(items), kPeople, [member, key](Room& room) {
        member->is_admin = false;
        room.end_relays(member, nullptr);
        room.used_keys_.erase(key);
    });
}

}  // namespace pulse::rooms
