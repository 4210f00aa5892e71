// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the room says, as JSON.
#include "json/scan.hpp"
#include "room.hpp"

#include <algorithm>

namespace pulse::rooms {

namespace {

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

std::string Room::details() const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now = now_ms();
    std::string out = R"({"id":")" + id_ + R"(","name":)";
    json::append_text(out, name_);
    const auto unique = static_cast<std::size_t>(
        std::count_if(sessions_.begin(), sessions_.end(),
                      [](const auto& each) { return !each.second->members.empty(); }));
    out += R"(,"count":)" + std::to_string(connections_);
    out += R"(,"uniqueCount":)" + std::to_string(unique);
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

std::string Room::users() const {
    const std::lock_guard lock(mutex_);
    std::vector<const Session*> sessions;
    for (const auto& [id, session] : sessions_) {
        if (!session->members.empty()) sessions.push_back(session.get());
    }
    std::sort(sessions.begin(), sessions.end(),
              [](const Session* a, const Session* b) { return a->arrival < b->arrival; });
    std::string out = R"({"ts":)" + std::to_string(now_ms()) + R"(,"users":[)";
    bool is_first = true;
    for (const Session* session : sessions) {
        for (const MemberPtr& member : session->members) {
            if (!is_first) out += ',';
            is_first = false;
            out += R"({"suffix":)" + std::to_string(session->suffix) + R"(,"properties":)";
            out += session->properties.open;
            out += R"(,"lastCommunication":)";
            out += std::to_string(member->last_ms.load(std::memory_order_relaxed)) + "}";
        }
    }
    return out += "]}";
}

}  // namespace pulse::rooms
