// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What other nodes say: of their clients, whose keys this node owns, and of this node's, whose keys
// they own. False: it makes no sense.
#include "relay/relay_conversation.hpp"
#include "relay/remote_connection.hpp"
#include "relay/switchboard.hpp"

#include <bit>
#include <utility>

namespace pulse::cluster {

namespace {

constexpr std::chrono::milliseconds kRetry{200};

}  // namespace

bool Switchboard::on_record(const PeerPtr& from, std::string_view record, const Receipt& receipt) {
    const auto kind = take_kind(record);
    if (!kind) return false;
    switch (*kind) {
        case RecordKind::open:
            return on_open(from, record, receipt);
        case RecordKind::message:
            return on_message(from, record, receipt);
        case RecordKind::end:
            return on_end(from, record, receipt);
        case RecordKind::request:
            return on_request(from, record, receipt);
        case RecordKind::opened:
            return on_opened(from, record);
        case RecordKind::refused:
            return on_refused(from, record);
        case RecordKind::frames:
            return on_frames(from, record, receipt);
        case RecordKind::closed:
            return on_closed(from, record, receipt);
        case RecordKind::credit:
            return on_credit(from, record);
        case RecordKind::answer:
            return on_answer(from, record);
    }
    return false;
}

bool Switchboard::on_open(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    SessionNumber session = 0;
    auto open = std::make_shared<OpenRecord>();
    if (!read_open(body, session, *open) || hosted_.contains({from, session})) return false;
    const auto found = keys_.find(open->key);
    const bool is_ours = found != keys_.end() && found->second->is_ours() &&
                         found->second->space->keys.space == open->space;
    if (is_draining_ || !is_ours) {
        learn(open->space, open->key);
        std::string record;
        write_refused(session, is_draining_ ? Refused::draining : Refused::not_owner, {}, record);
        mail_->send(from, std::move(record), false);
        return true;
    }
    Key& key = *found->second;
    const std::size_t lane = lane_of_key(key.name);
    hosted_.emplace(HostKey{from, session}, Hosted{&key, lane});
    ++hosted_by_node_[from->name];
    key.host.insert({from, session});
    key.is_idle = false;
    ++counters_.hosted;
    ++counters_.hosted_total;
    desks_[lane]->put([from, session, space = key.space, open, receipt](Desk& desk) {
        desk.open(from, session, space, *open);
    });
    return true;
}

void Switchboard::forget(const PeerPtr& peer, SessionNumber session) {
    const auto found = hosted_.find({peer, session});
    if (found == hosted_.end()) return;
    Key& key = *found->second.key;
    hosted_.erase(found);
    const auto of_node = hosted_by_node_.find(peer->name);
    if (--of_node->second == 0) hosted_by_node_.erase(of_node);
    --counters_.hosted;
    key.host.erase({peer, session});
    if (!key.is_used()) note_use(key);
}

bool Switchboard::on_request(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    auto record = std::make_shared<RequestRecord>();
    if (!read_request(body, *record) || !is_request(record->number)) return false;
    const auto found = keys_.find(record->key);
    const bool is_ours = found != keys_.end() && found->second->is_ours();
    std::string answer;
    if (is_draining_ || !is_ours) {
        learn(record->route.substr(0, record->route.find(' ')), record->key);
        write_refused(record->number, is_draining_ ? Refused::draining : Refused::not_owner, {},
                      answer);
        mail_->send(from, std::move(answer), false);
        return true;
    }
    core::HttpHandler handler;
    {
        const std::lock_guard lock(mutex_);
        const auto route = routes_.find(record->route);
        if (route != routes_.end()) handler = route->second;
    }
    if (!handler) {
        write_answer(record->number, refusal(501, "the server that has it cannot do that"), answer);
        mail_->send(from, std::move(answer), false);
        return true;
    }
    Key& key = *found->second;
    // It is not given back while it is worked on.
    if (!key.is_used()) note_use(key);
    desks_[lane_of_key(key.name)]->put([from, record, handler = std::move(handler), receipt](
                                           Desk& desk) { desk.request(from, *record, handler); });
    return true;
}

bool Switchboard::on_message(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    SessionNumber session = 0;
    std::uint8_t is_text = 0;
    if (!take_number(body, session) || !take_number(body, is_text) || is_text > 1) return false;
    const auto found = hosted_.find({from, session});
    if (found == hosted_.end()) return true;  // it has been closed meanwhile
    const auto kind = is_text == 1 ? core::MessageKind::text : core::MessageKind::binary;
    desks_[found->second.lane]->put(
        [from, session, kind, message = std::string(body), receipt](Desk& desk) {
            if (RemoteConnection* const each = desk.find(from, session)) {
                each->on_message(kind, message);
            }
        });
    return true;
}

bool Switchboard::on_end(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    SessionNumber session = 0;
    std::uint16_t code = 0;
    std::uint8_t is_clean = 0;
    std::string_view text;
    if (!take_number(body, session) || !take_number(body, code) || !take_number(body, is_clean) ||
        !take_bytes(body, text) || !body.empty()) {
        return false;
    }
    const auto found = hosted_.find({from, session});
    if (found == hosted_.end()) return true;
    desks_[found->second.lane]->put(
        [from, session, code, is_clean, text = std::string(text), receipt](Desk& desk) {
            if (RemoteConnection* const each = desk.find(from, session)) {
                each->on_end(code, text, is_clean != 0);
            }
        });
    return true;
}

Switchboard::Call* Switchboard::call_of(const PeerPtr& peer, std::uint64_t asked_as) {
    const auto found = calls_.find(call_number(asked_as));
    if (found == calls_.end()) return nullptr;
    Call& call = found->second;
    return call.peer == peer && call.asked_as == asked_as ? &call : nullptr;
}

bool Switchboard::on_opened(const PeerPtr& from, std::string_view body) {
    SessionNumber session = 0;
    std::uint64_t max_message = 0;
    if (!take_number(body, session) || !take_number(body, max_message) || !body.empty()) {
        return false;
    }
    Call* const call = call_of(from, session);
    if (call == nullptr) return true;
    if (call->state != Call::State::asked || is_request(session)) return false;
    call->state = Call::State::there;
    call->open.reset();
    ++counters_.relayed;
    ++counters_.relayed_total;
    desks_[lane_of(session)]->put([from, session, max_message](Desk& desk) {
        if (RelayConversation* const each = desk.find(client_of(session))) {
            each->on_opened(from, session, max_message);
        }
    });
    return true;
}

bool Switchboard::on_refused(const PeerPtr& from, std::string_view body) {
    std::uint64_t asked_as = 0;
    std::uint8_t why = 0;
    std::string_view text;
    if (!take_number(body, asked_as) || !take_number(body, why) || !take_bytes(body, text) ||
        !body.empty()) {
        return false;
    }
    Call* const call = call_of(from, asked_as);
    if (call == nullptr) return true;
    if (call->state != Call::State::asked) return false;
    const std::uint64_t number = call_number(asked_as);
    if (static_cast<Refused>(why) == Refused::unwanted) {
        if (is_request(number)) return false;
        const std::string reason(text);
        call->peer.reset();
        const auto with = by_peer_.find(from);
        with->second.erase(number);
        if (with->second.empty()) by_peer_.erase(with);
        end_call(number, *call, kPolicyViolation, reason);
        return true;
    }
    // Perhaps it does not know yet that it owns the key, or we do not know yet that it does not.
    put_back(number, *call);
    call->refused_term = call->key->owner.term;
    retries_.emplace(Clock::now() + kRetry, number);
    return true;
}

bool Switchboard::on_frames(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    (void)from;
    const std::shared_ptr<const Frames> frames = Frames::read(body);
    if (frames == nullptr) return false;
    std::uint64_t lanes = 0;
    for (const Frames::Group& group : frames->groups()) {
        for (const SessionNumber session : group.sessions) {
            lanes |= std::uint64_t{1} << lane_of(session);
        }
    }
    for (; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
        if (lane >= desks_.size()) return false;
        desks_[lane]->put([frames, receipt](Desk& desk) { desk.on_frames(*frames); });
    }
    return true;
}

bool Switchboard::on_closed(const PeerPtr& from, std::string_view body, const Receipt& receipt) {
    SessionNumber session = 0;
    std::uint16_t code = 0;
    std::string_view text;
    if (!take_number(body, session) || !take_number(body, code) || !take_bytes(body, text) ||
        !body.empty()) {
        return false;
    }
    if (is_request(session)) return false;
    if (call_of(from, session) == nullptr) return true;
    const SessionNumber client = client_of(session);
    erase_call(client);
    desks_[lane_of(client)]->put([client, code, text = std::string(text), receipt](Desk& desk) {
        if (RelayConversation* const each = desk.find(client)) each->end(code, text);
    });
    return true;
}

bool Switchboard::on_credit(const PeerPtr& from, std::string_view body) {
    SessionNumber session = 0;
    std::uint32_t bytes = 0;
    if (!take_number(body, session) || !take_number(body, bytes) || !body.empty()) return false;
    if (is_request(session)) return false;
    if (call_of(from, session) == nullptr) return true;
    desks_[lane_of(session)]->put([session, bytes](Desk& desk) {
        if (RelayConversation* const each = desk.find_carried(session)) each->on_credit(bytes);
    });
    return true;
}

bool Switchboard::on_answer(const PeerPtr& from, std::string_view body) {
    AnswerRecord answer;
    if (!read_answer(body, answer) || !is_request(answer.number)) return false;
    if (call_of(from, answer.number) == nullptr) return true;  // too late
    finish_request(answer.number, std::move(answer.response));
    return true;
}

}  // namespace pulse::cluster
