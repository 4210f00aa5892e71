// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the room says, as JSON.
#include "room.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/json.hpp>

namespace pulse::rooms {

namespace {

/// Composed of /users in one turn, under the room's lock.
constexpr std::size_t kMaxLookRunBytes = std::size_t{64} * 1024;
/// Properties may be large, and users many.
constexpr std::size_t kMaxLookBytes = std::size_t{32} * 1024 * 1024;
/// Of all rooms at a time: anybody may ask, and each answer is many times its question.
constexpr std::size_t kMaxComposedBytes = std::size_t{64} * 1024 * 1024;
/// How often something is composed that the store then refuses.
constexpr unsigned kMaxTries = 3;

std::string message_of_text(std::string_view type, std::string_view text) {
    std::string out = R"({"type":)";
    json::append_text(out, type);
    out += R"(,"data":)";
    json::append_text(out, text);
    return out += '}';
}

}  // namespace

std::string error_message(std::string_view text) {
    std::string out = R"({"data":)";
    json::append_text(out, text);
    return out += R"(,"type":"error"})";
}

std::string Room::profile(const Member& member, const Session& session) const {
    std::string out = R"({"suffix":)" + std::to_string(session.suffix) + R"(,"properties":)";
    out += session.properties.all;
    out += R"(,"id":)";
    json::append_text(out, session.id);
    out += R"(,"connectionDetails":)";
    out += *member.details;
    out += member.is_admin ? R"(,"role":"admin"})" : R"(,"role":"user"})";
    return out;
}

std::string Room::profile_message(const Member& member, const Session& session) const {
    return R"({"type":"profile","data":)" + profile(member, session) + "}";
}

std::string Room::config_message() const { return message_of_text("config", config_); }

std::string Room::poll_message(std::string_view event, std::string_view id, const Poll& poll) {
    std::string out = R"({"type":")";
    out.append(event).append(R"(","data":{"id":)").append(id).append(R"(,"stats":)");
    poll.append_stats(out);
    return out += "}}";
}

std::string Room::counter_message(std::string_view id, const Counter& counter) {
    std::string out = R"({"type":"counter","data":{"id":)";
    out.append(id).append(R"(,"value":)");
    counter.amount.append_json(out);
    return out += "}}";
}

void Room::details(LanePart& at, View view) {
    look(at, std::make_shared<Look>(false, std::move(view), engine_.composed_views));
}

void Room::users(LanePart& at, View view) {
    look(at, std::make_shared<Look>(true, std::move(view), engine_.composed_views));
}

void Room::look(LanePart& at, const LookPtr& look) {
    std::error_code error;
    bool is_whole = true;
    {
        const std::lock_guard lock(mutex_);
        if (look->text.empty()) begin_look(*look);
        if (look->is_of_users) is_whole = append_users(*look);
        const std::size_t composed = look->share.set(look->text.size());
        if (look->text.size() > kMaxLookBytes) {
            error = std::make_error_code(std::errc::message_size);
        } else if (look->is_of_users && composed > kMaxComposedBytes) {
            error = make_error_code(core::Error::memory_exhausted);
        } else if (is_whole && !queue_.empty()) {
            if (!is_overfull()) return tell_in_turn(at, look);
            error = make_error_code(core::Error::store_overloaded);
        }
    }
    if (error) return look->view(tl::unexpected(error));
    if (is_whole) return tell(at, look);
    at.post([self = shared_from_this(), part = at.shared_from_this(), look] {
        self->look(*part, look);
    });
}

/// When everything that it can tell of is stored, or undone: then it is made anew.
void Room::tell(LanePart& at, const LookPtr& look) {
    bool is_true = true;
    {
        const std::lock_guard lock(mutex_);
        is_true = look->undone == undone_;
    }
    if (is_true) return look->view(std::move(look->text));
    if (++look->tries == kMaxTries) {
        return look->view(tl::unexpected(make_error_code(core::Error::store_unavailable)));
    }
    look->text.clear();
    this->look(at, look);
}

void Room::begin_look(Look& look) const {
    look.undone = undone_;
    if (!look.is_of_users) {
        look.text = details_text();
        return;
    }
    look.text = R"({"ts":)" + std::to_string(now_ms()) + R"(,"users":[)";
    look.session = look.member = 0;
    // Whoever comes meanwhile is too late, so that it ends.
    look.last_session = arrivals_;
    look.last_member = ever_connected_;
}

std::string Room::details_text() const {
    const std::uint64_t now = now_ms();
    std::string out = R"({"id":")" + id_ + R"(","name":)";
    json::append_text(out, name_);
    out += R"(,"count":)" + std::to_string(connections_);
    out += R"(,"uniqueCount":)" + std::to_string(present_.size());
    out += R"(,"increment":)" + std::to_string(suffix_);
    out += R"(,"incrementSinceRestart":)" + std::to_string(ever_connected_);
    out += R"(,"pollCount":)" + std::to_string(polls_.polls.size());
    out += R"(,"config":)";
    json::append_text(out, config_);
    out += R"(,"ephemeralPollCount":)" + std::to_string(ephemeral_.polls.size());
    out += R"(,"bootupTime":)" + std::to_string(boot_ms_);
    out += R"(,"uptime":)" + std::to_string(now - std::min(now, boot_ms_));
    return out += '}';
}

bool Room::append_users(Look& look) const {
    const std::size_t enough = look.text.size() + kMaxLookRunBytes;
    const auto end = present_.upper_bound(look.last_session);
    for (auto place = present_.lower_bound(look.session); place != end; ++place) {
        const Session& session = *place->second;
        if (place->first != look.session) look.member = 0;
        look.session = place->first;
        auto each = std::upper_bound(
            session.members.begin(), session.members.end(), look.member,
            [](std::uint64_t order, const MemberPtr& member) { return order < member->order; });
        for (; each != session.members.end() && (*each)->order <= look.last_member; ++each) {
            if (look.text.size() >= enough) return false;
            look.member = (*each)->order;
            if (look.text.back() != '[') look.text += ',';
            look.text += R"({"suffix":)" + std::to_string(session.suffix) + R"(,"properties":)";
            look.text += session.properties.open;
            look.text += R"(,"lastCommunication":)";
            look.text += std::to_string((*each)->last_ms.load(std::memory_order_relaxed)) + "}";
        }
    }
    look.text += "]}";
    return true;
}

}  // namespace pulse::rooms
