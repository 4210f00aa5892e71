// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/switchboard.hpp"

#include "relay/relay_conversation.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/hub.hpp>
#include <pulse/core/json.hpp>

namespace pulse::cluster {

namespace {

/// Of requests that wait for answers, and of what waits for one node.
constexpr std::size_t kMaxRequestBytes = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kMaxUnsentBytes = std::size_t{64} * 1024 * 1024;

[[nodiscard]] MailOptions mail_options(const RelayOptions& options) {
    MailOptions mail;
    mail.beat = options.node_timeout / 6;
    mail.dead = options.node_timeout;
    mail.window_bytes = options.window_bytes;
    return mail;
}

[[nodiscard]] std::size_t cost_of(const RequestRecord& record) noexcept {
    const core::HttpRequest& request = record.request;
    std::size_t cost =
        sizeof record + request.body.size() + request.path.size() + request.query.size();
    for (const auto& [name, value] : request.headers) cost += name.size() + value.size();
    return cost;
}

}  // namespace

core::HttpResponse refusal(int status, std::string_view why) {
    std::string body = R"({"error":)";
    core::json::append_text(body, why);
    core::HttpResponse response = core::HttpResponse::json(status, body += '}');
    if (status == 503) response.headers.emplace_back("retry-after", "1");
    return response;
}

Switchboard::Switchboard(const RelayOptions& options, const RelayServices& services)
    : io_(services.io),
      ownership_(services.ownership),
      log_(services.hub.log()),
      options_(options),
      mail_(std::make_shared<NodeMail>(services.io, services.carrier, mail_options(options_))),
      timer_(services.io) {}

Switchboard::~Switchboard() = default;

void Switchboard::add_desks(core::Hub& hub) {
    for (const auto& lane : hub.lanes()) {
        desks_.push_back(std::make_shared<Desk>(*lane, options_, weak_from_this()));
    }
}

void Switchboard::start() {
    post([](Switchboard& self) {
        Switchboard* const board = &self;  // the mail's owner: it calls nothing later
        self.mail_->start(
            {[board](const PeerPtr& from, std::string_view record, const Receipt& receipt) {
                 return board->on_record(from, record, receipt);
             },
             [board](const PeerPtr& peer, std::string_view why) { board->on_broken(peer, why); },
             [board](const PeerPtr& peer) {
                 for (const auto& desk : board->desks_) {
                     desk->put([peer](Desk& at) { at.on_room(peer); });
                 }
             },
             [board](const std::string& node) {
                 const auto hosted = board->hosted_by_node_.find(node);
                 if (hosted != board->hosted_by_node_.end()) return true;
                 return board->by_peer_.contains(board->mail_->peer(node));
             }});
        self.wait();
    });
}

void Switchboard::add(const SpacePtr& space) {
    const std::lock_guard lock(mutex_);
    spaces_.insert_or_assign(space->keys.space, space);
}

void Switchboard::add_route(const std::string& id, core::HttpHandler handler) {
    const std::lock_guard lock(mutex_);
    routes_.insert_or_assign(id, std::move(handler));
}

void Switchboard::close() {
    is_closed_ = true;
    mail_->close();
    timer_.cancel();
    // Destroyed at the end: what they hold may call back.
    const auto keys = std::exchange(keys_, {});
    const auto calls = std::exchange(calls_, {});
}

void Switchboard::send(const PeerPtr& peer, std::string records) {
    mail_->send(peer, std::move(records), true);
}

// ------------------------------------------------------------------- calling

void Switchboard::enter(SessionNumber session, OpenRecord open) {
    SpacePtr space;
    {
        const std::lock_guard lock(mutex_);
        const auto found = spaces_.find(open.space);
        if (found != spaces_.end()) space = found->second;
    }
    Call& call = calls_[session];
    call.due = Clock::now() + options_.patience;
    call.open = std::make_unique<OpenRecord>(std::move(open));
    call.key = space == nullptr ? nullptr : obtain(call.open->key, space);
    if (call.key == nullptr) return give_up(session, "this server has too much to do");
    call.key->gate.insert(session);
    call.key->waiting.insert(session);
    dues_.emplace(call.due, session);
    place(session, call);
}

void Switchboard::request(const std::string& space_name, std::string route, std::string key,
                          core::HttpRequest request, std::chrono::milliseconds patience,
                          Responder responder) {
    const std::uint64_t number = kRequestBit | ++last_request_;
    Call& call = calls_[number];
    ++requests_;
    call.due = Clock::now() + (patience.count() > 0 ? patience : options_.patience);
    call.responder = std::move(responder);
    call.request = std::make_unique<RequestRecord>();
    call.request->number = number;
    call.request->route = std::move(route);
    call.request->key = std::move(key);
    call.request->request = std::move(request);
    request_bytes_ += cost_of(*call.request);
    SpacePtr space;
    {
        const std::lock_guard lock(mutex_);
        const auto found = spaces_.find(space_name);
        if (found != spaces_.end()) space = found->second;
    }
    const bool is_too_much = requests_ > options_.max_requests || request_bytes_ > kMaxRequestBytes;
    call.key = is_too_much || space == nullptr ? nullptr : obtain(call.request->key, space);
    if (call.key == nullptr) return give_up(number, "this server has too much to do");
    call.key->requests.insert(number);
    call.key->waiting.insert(number);
    dues_.emplace(call.due, number);
    place(number, call);
}

/// Of a call that waits.
void Switchboard::place(std::uint64_t number, Call& call) {
    const Key& key = *call.key;
    if (key.is_ours()) return run_here(number, call);
    const bool is_elsewhere = !key.owner.is_this_node && !key.owner.node.empty();
    if (is_elsewhere && call.refused_term != key.owner.term) ask(number, call);
}

void Switchboard::run_here(std::uint64_t number, Call& call) {
    call.key->waiting.erase(number);
    call.key->is_idle = false;
    if (!is_request(number)) {
        call.state = Call::State::here;
        const std::shared_ptr<OpenRecord> open = std::move(call.open);
        desks_[lane_of(number)]->put([number, open](Desk& desk) {
            if (RelayConversation* const each = desk.find(number)) each->on_here(*open);
        });
        return;
    }
    core::HttpHandler handler;
    {
        const std::lock_guard lock(mutex_);
        const auto found = routes_.find(call.request->route);
        if (found != routes_.end()) handler = found->second;
    }
    const std::shared_ptr<RequestRecord> record = std::move(call.request);
    request_bytes_ -= std::min(request_bytes_, cost_of(*record));
    desks_[lane_of_key(call.key->name)]->put(
        [record, responder = call.responder, handler = std::move(handler)](Desk&) {
            handler(record->request, std::move(*responder));
        });
    erase_call(number);
}

void Switchboard::ask(std::uint64_t number, Call& call) {
    const PeerPtr peer = mail_->peer(call.key->owner.node);
    if (mail_->unsent_bytes(peer) > kMaxUnsentBytes) {
        return give_up(number, "the way to the server that has it is full");
    }
    call.key->waiting.erase(number);
    call.state = Call::State::asked;
    call.peer = peer;
    by_peer_[peer].insert(number);
    std::string record;
    if (is_request(number)) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(call.due - Clock::now());
        call.request->patience_ms =
            static_cast<std::uint32_t>(std::max<std::int64_t>(left.count(), 1));
        call.asked_as = number;
        write_request(*call.request, record);
        ++counters_.requests;
    } else {
        call.asked_as = call.asked_as == 0 ? number : next_session(call.asked_as);
        write_open(call.asked_as, *call.open, record);
    }
    mail_->send(peer, std::move(record), false);
}

/// It is nobody's any more.
void Switchboard::detach(std::uint64_t number, Call& call) {
    if (call.peer == nullptr) return;
    const auto with = by_peer_.find(call.peer);
    if (with != by_peer_.end()) {
        with->second.erase(number);
        if (with->second.empty()) by_peer_.erase(with);
    }
    if (call.state == Call::State::there) --counters_.relayed;
    call.peer.reset();
}

void Switchboard::put_back(std::uint64_t number, Call& call) {
    detach(number, call);
    call.state = Call::State::waiting;
    call.key->waiting.insert(number);
}

void Switchboard::erase_call(std::uint64_t number) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    Call call = std::move(found->second);
    detach(number, call);
    calls_.erase(found);
    if (is_request(number)) {
        --requests_;
        if (call.request) request_bytes_ -= std::min(request_bytes_, cost_of(*call.request));
    }
    Key* const key = call.key;
    if (key == nullptr) return;
    key->waiting.erase(number);
    key->gate.erase(number);
    key->requests.erase(number);
    if (!key->is_used()) note_use(*key);
}

void Switchboard::leave(SessionNumber session, const core::CloseEvent& event) {
    const auto found = calls_.find(session);
    if (found == calls_.end()) return;
    say_end(found->second, event);
    erase_call(session);
}

/// To the node that has it, or may have it.
void Switchboard::say_end(const Call& call, const core::CloseEvent& event) {
    if (call.peer == nullptr) return;
    std::string record;
    write_end(call.asked_as, event, record);
    mail_->send(call.peer, std::move(record), false);
}

/// Of this node's client: whoever has it is told, too.
void Switchboard::end_call(std::uint64_t number, Call& call, std::uint16_t code,
                           std::string_view text) {
    say_end(call, {1001, {}, false});
    erase_call(number);
    desks_[lane_of(number)]->put([number, code, text = std::string(text)](Desk& desk) {
        if (RelayConversation* const each = desk.find(number)) each->end(code, text);
    });
}

void Switchboard::give_up(std::uint64_t number, std::string_view why) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    if (!is_request(number)) {
        return end_call(number, found->second, kTryAgainLater, kTryAgainLaterText);
    }
    const bool was_asked = found->second.state == Call::State::asked;
    finish_request(number, refusal(was_asked ? 504 : 503, why));
}

void Switchboard::finish_request(std::uint64_t number, core::HttpResponse response) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    const Responder responder = found->second.responder;
    erase_call(number);
    responder->respond(std::move(response));
}

// ------------------------------------------------------------------- losses

void Switchboard::on_broken(const PeerPtr& peer, std::string_view why) {
    std::unordered_set<std::uint64_t> numbers;
    if (const auto found = by_peer_.find(peer); found != by_peer_.end()) numbers = found->second;
    const bool is_felt = !numbers.empty() || hosted_by_node_.contains(peer->name);
    if (is_felt) {
        log_.write(core::LogLevel::warn, "relay_broken",
                   {{"node", std::string_view(peer->name)}, {"reason", why}});
    }
    for (const auto& desk : desks_) {
        desk->put([peer](Desk& at) { at.end_all(peer); });
    }
    for (const std::uint64_t number : numbers) {
        const auto found = calls_.find(number);
        if (found == calls_.end()) continue;
        Call& call = found->second;
        if (is_request(number)) {
            // It may have been done there.
            finish_request(number, refusal(503, "the server that has it was lost"));
        } else if (call.state == Call::State::there) {
            ++counters_.ended;
            end_call(number, call, kServiceRestart, kServiceRestartText);
        } else {
            put_back(number, call);
            place(number, call);
        }
    }
}

RelayStats Switchboard::stats() const {
    const MailStats& mail = mail_->stats();
    RelayStats stats;
    stats.keys = counters_.keys;
    stats.owned = counters_.owned;
    stats.relayed = counters_.relayed;
    stats.hosted = counters_.hosted;
    stats.relayed_total = counters_.relayed_total;
    stats.hosted_total = counters_.hosted_total;
    stats.requests_total = counters_.requests;
    stats.timeouts_total = counters_.timeouts;
    stats.ended_total = counters_.ended;
    stats.handovers_total = counters_.handovers;
    stats.losses_total = mail.losses;
    stats.malformed_total = mail.malformed;
    stats.pieces_sent_total = mail.pieces_sent;
    stats.pieces_received_total = mail.pieces_received;
    stats.bytes_sent_total = mail.bytes_sent;
    stats.bytes_received_total = mail.bytes_received;
    return stats;
}

}  // namespace pulse::cluster
