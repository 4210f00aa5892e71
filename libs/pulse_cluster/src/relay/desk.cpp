// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/desk.hpp"

#include "relay/relay_conversation.hpp"
#include "relay/remote_connection.hpp"
#include "relay/switchboard.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <utility>

#include <pulse/core/hub.hpp>
#include <pulse/core/prefetch.hpp>

namespace pulse::cluster {

Desk::Desk(core::Lane& lane, const RelayOptions& options, std::weak_ptr<Switchboard> board)
    : lane_(lane), options_(options), board_(std::move(board)), port_(lane.port()) {}

Desk::~Desk() = default;

void Desk::clear() {
    requests_.clear();
    host_.clear();
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        is_posted_ = true;  // nobody runs them any more
        tasks.swap(inbox_);
    }
}

void Desk::put(Task task) {
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(task));
        if (std::exchange(is_posted_, true)) return;
    }
    port_->post([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        std::vector<Task> tasks;
        {
            const std::lock_guard lock(self->mutex_);
            self->is_posted_ = false;
            tasks.swap(self->inbox_);
        }
        for (Task& next : tasks) {
            // Each goes when it has run: a receipt that it holds may be waited for.
            const Task run = std::move(next);
            try {
                run(*self);
            } catch (const std::exception& error) {
                self->lane_.hub().log().write(core::LogLevel::error, "relay_failed",
                                              {{"reason", std::string_view(error.what())}});
            }
        }
    });
}

// ---------------------------------------------------------------- going out

Desk::Outgoing& Desk::outgoing(const PeerPtr& peer) {
    if (last_outgoing_ == nullptr || last_outgoing_->first != peer) {
        last_outgoing_ = &*outgoing_.try_emplace(peer).first;
    }
    return last_outgoing_->second;
}

void Desk::count(const PeerPtr& peer, std::size_t bytes) {
    outgoing(peer).counted += bytes;
    peer->waiting += bytes;
    flush_soon();
}

template <typename Write>
void Desk::say(const PeerPtr& peer, std::string Outgoing::*where, Write write) {
    std::string& out = outgoing(peer).*where;
    const std::size_t before = out.size();
    write(out);
    count(peer, out.size() - before);
}

void Desk::command(Command command) {
    commands_.push_back(std::move(command));
    flush_soon();
}

void Desk::flush_soon() {
    if (std::exchange(is_flush_due_, true)) return;
    port_->post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->flush();
    });
}

void Desk::flush() {
    is_flush_due_ = false;
    std::vector<std::pair<PeerPtr, std::string>> streams;
    for (auto each = outgoing_.begin(); each != outgoing_.end();) {
        auto& [peer, out] = *each;
        std::string bytes = std::exchange(out.before, {});
        out.frames.write(bytes);
        bytes += std::exchange(out.after, {});
        // What was counted was an estimate.
        peer->waiting += bytes.size() - std::exchange(out.counted, 0);
        if (!bytes.empty()) streams.emplace_back(peer, std::move(bytes));
        // It has its place as long as there may be more for it.
        each = peer->is_broken ? outgoing_.erase(each) : std::next(each);
    }
    last_outgoing_ = nullptr;
    std::vector<Command> commands = std::exchange(commands_, {});
    const auto board = board_.lock();
    if (board == nullptr || (streams.empty() && commands.empty())) return;
    board->post(
        [streams = std::move(streams), commands = std::move(commands)](Switchboard& to) mutable {
            for (auto& [peer, bytes] : streams) to.send(peer, std::move(bytes));
            for (const Command& each : commands) each(to);
        });
}

void Desk::await_room(const PeerPtr& peer) {
    peer->is_awaited = true;
    // It may have become less just before that.
    const bool is_less = peer->waiting.load() <= options_.window_bytes / 2;
    if (!is_less || !peer->is_awaited.exchange(false)) return;
    // Other lanes may have waited, too.
    if (const auto board = board_.lock()) {
        for (const auto& desk : board->desks()) {
            desk->put([peer](Desk& at) { at.on_room(peer); });
        }
    }
}

void Desk::on_room(const PeerPtr& peer) {
    if (const auto found = blocked_.find(peer); found != blocked_.end()) {
        // What the last turn left in the batch is of memory that this one may have used again.
        flush();
        std::vector<SessionNumber> sessions = std::move(found->second);
        blocked_.erase(found);
        // First all of them, so that what they have in common goes once; only then is it let go of:
        // the batch knows it by its place.
        FrameBatch& batch = frames(peer);
        const std::size_t before = batch.bytes();
        std::vector<std::pair<RemoteConnection*, std::size_t>> written;
        std::size_t next = 0;
        bool is_enough = false;
        for (; next < sessions.size() && !is_enough; ++next) {
            RemoteConnection* const connection = find(peer, sessions[next]);
            if (connection == nullptr) continue;
            const std::size_t so_far = batch.bytes();
            const std::size_t bytes = connection->gather_blocked(batch);
            written.emplace_back(connection, bytes);
            // Whoever waits for the same as others before goes along.
            const bool is_shared = batch.bytes() - so_far <= bytes / 8;
            const std::size_t waiting = peer->waiting.load() + batch.bytes() - before;
            is_enough = waiting >= options_.window_bytes && !is_shared && next != 0;
        }
        count(peer, batch.bytes() - before);
        for (const auto& [connection, bytes] : written) connection->release_blocked(bytes);
        flush();
        if (next < sessions.size()) {
            sessions.erase(sessions.begin(), sessions.begin() + static_cast<std::ptrdiff_t>(next));
            blocked_.emplace(peer, std::move(sessions));
            await_room(peer);
        }
    }
    if (const auto found = waiting_.find(peer); found != waiting_.end()) {
        const std::vector<SessionNumber> sessions = std::move(found->second);
        waiting_.erase(found);
        for (const SessionNumber each : sessions) {
            if (RelayConversation* const conversation = find(each)) conversation->on_room();
        }
    }
}

// --------------------------------------------------------------------- gate

SessionNumber Desk::enter(RelayConversation& conversation, OpenRecord open) {
    const SessionNumber session = (++last_session_ << kLaneBits) | lane_.index();
    gate_.emplace(session, &conversation);
    command([session, open = std::make_shared<OpenRecord>(std::move(open))](Switchboard& board) {
        board.enter(session, std::move(*open));
    });
    return session;
}

void Desk::leave(SessionNumber session, const core::CloseEvent& event) {
    gate_.erase(session);
    command([session, code = event.code, text = std::string(event.text),
             is_clean = event.is_clean](Switchboard& board) {
        board.leave(session, {code, text, is_clean});
    });
}

RelayConversation* Desk::find(SessionNumber client) const {
    const auto found = gate_.find(client);
    return found == gate_.end() ? nullptr : found->second;
}

RelayConversation* Desk::find_carried(SessionNumber session) const {
    RelayConversation* const each = find(client_of(session));
    return each != nullptr && each->carried_as() == session ? each : nullptr;
}

void Desk::send_message(const PeerPtr& peer, SessionNumber session, core::MessageKind kind,
                        core::ByteView message) {
    say(peer, &Outgoing::after,
        [&](std::string& out) { write_message(session, kind, message, out); });
}

bool Desk::is_full(const PeerPtr& peer, SessionNumber client) {
    if (!is_full(peer)) return false;
    // Its connection is about to end: nobody says any more that there is room.
    if (peer->is_broken) return true;
    waiting_[peer].push_back(client);
    await_room(peer);
    return true;
}

void Desk::on_frames(const Frames& frames) {
    const core::ChunkRef chunk = frames.chunk(lane_.budget());
    for (const Frames::Group& group : frames.groups()) {
        find_carried(group.sessions);
        if (!chunk) {
            for (core::Outlet* const each : outlets_) {
                static_cast<core::Connection*>(each)->fail("there is no memory for a message");
            }
            continue;
        }
        for (const Frames::Slice& slice : group.slices) {
            lane_.send({chunk, slice.begin, slice.begin + slice.size, 1, slice.size}, outlets_);
        }
    }
}

/// To `outlets_`, those that are this lane's. Some at a time are looked up together, so that one's
/// way through memory does not wait for another's.
void Desk::find_carried(std::span<const SessionNumber> sessions) {
    constexpr std::size_t kTogether = 16;
    constexpr std::size_t kHead = 32;  ///< of a conversation: whose it is, and as what
    std::array<std::pair<SessionNumber, RelayConversation*>, kTogether> found;
    outlets_.clear();
    while (!sessions.empty()) {
        const auto some = sessions.first(std::min(kTogether, sessions.size()));
        sessions = sessions.subspan(some.size());
        std::size_t n = 0;
        for (const SessionNumber session : some) {
            if (lane_of(session) != lane_.index()) continue;
            RelayConversation* const each = find(client_of(session));
            if (each == nullptr) continue;
            core::prefetch(each, kHead);
            found[n++] = {session, each};
        }
        for (const auto& [session, each] : std::span(found.data(), n)) {
            if (each->carried_as() != session) continue;
            outlets_.push_back(&each->connection());
            core::prefetch(outlets_.back(), sizeof(core::Outlet));
        }
    }
}

// --------------------------------------------------------------------- host

void Desk::open(const PeerPtr& peer, SessionNumber session, const SpacePtr& space,
                const OpenRecord& record) {
    if (peer->is_broken) return forget(peer, session);
    auto made = std::make_unique<RemoteConnection>(*this, peer, session, record.peer);
    RemoteConnection& connection = *made;
    host_[{peer.get(), session}] = std::move(made);
    if (connection.start(*space->inner, record)) return;
    host_.erase({peer.get(), session});
    forget(peer, session);
}

RemoteConnection* Desk::find(const PeerPtr& peer, SessionNumber session) const {
    const auto found = host_.find({peer.get(), session});
    return found == host_.end() ? nullptr : found->second.get();
}

void Desk::forget(const PeerPtr& peer, SessionNumber session) {
    command([peer, session](Switchboard& board) { board.forget(peer, session); });
}

void Desk::end_all(const PeerPtr& peer) {
    outgoing_.erase(peer);
    last_outgoing_ = nullptr;
    waiting_.erase(peer);
    blocked_.erase(peer);
    const auto begin = host_.lower_bound({peer.get(), 0});
    auto end = begin;
    std::vector<std::unique_ptr<RemoteConnection>> gone;
    for (; end != host_.end() && end->first.first == peer.get(); ++end) {
        gone.push_back(std::move(end->second));
    }
    host_.erase(begin, end);
    for (const auto& each : gone) {
        each->on_over({1006, "", false});
        forget(peer, each->session());
    }
    for (auto each = requests_.lower_bound({peer.get(), 0});
         each != requests_.end() && each->first.first == peer.get();) {
        each->second->expire();
        each = requests_.erase(each);
    }
}

void Desk::bury(RemoteConnection& connection, core::CloseEvent event) {
    put([peer = connection.node(), session = connection.session(), code = event.code,
         text = std::string(event.text), is_clean = event.is_clean](Desk& desk) {
        const auto found = desk.host_.find({peer.get(), session});
        if (found == desk.host_.end()) return;
        const std::unique_ptr<RemoteConnection> gone = std::move(found->second);
        desk.host_.erase(found);
        gone->on_over({code, text, is_clean});
        desk.forget(peer, session);
    });
}

void Desk::request(const PeerPtr& peer, const RequestRecord& record,
                   const core::HttpHandler& handler) {
    const HostKey key{peer.get(), record.number};
    if (peer->is_broken || requests_.contains(key)) return;
    auto made = std::make_unique<RemoteRequest>(*this, peer, record.number, record.request.peer);
    RemoteRequest& request = *made;
    requests_.emplace(key, std::move(made));
    lane_.post_at(lane_.now() + std::chrono::milliseconds{record.patience_ms},
                  [weak = weak_from_this(), key, peer] {
                      const auto self = weak.lock();
                      if (self == nullptr) return;
                      const auto found = self->requests_.find(key);
                      if (found == self->requests_.end()) return;
                      found->second->expire();
                      self->requests_.erase(found);
                  });
    handler(record.request, core::HttpResponder(request.handle(), 1));
}

void Desk::bury(RemoteRequest& request) {
    put([key = HostKey{request.node().get(), request.number()}, peer = request.node()](Desk& desk) {
        desk.requests_.erase(key);
    });
}

void Desk::block(RemoteConnection& connection) {
    blocked_[connection.node()].push_back(connection.session());
    await_room(connection.node());
}

void Desk::say_opened(const PeerPtr& peer, SessionNumber session, std::size_t max_message) {
    say(peer, &Outgoing::before,
        [&](std::string& out) { write_opened(session, max_message, out); });
}

void Desk::say_refused(const PeerPtr& peer, SessionNumber session, std::string_view text) {
    say(peer, &Outgoing::after, [&](std::string& out) {
        write_refused(session, Refused::unwanted, text.substr(0, 120), out);
    });
}

void Desk::say_credit(const PeerPtr& peer, SessionNumber session, std::size_t bytes) {
    say(peer, &Outgoing::before,
        [&](std::string& out) { write_credit(session, static_cast<std::uint32_t>(bytes), out); });
}

void Desk::say_closed(const PeerPtr& peer, SessionNumber session, std::uint16_t code,
                      std::string_view text) {
    say(peer, &Outgoing::after, [&](std::string& out) { write_closed(session, code, text, out); });
}

void Desk::say_answer(const PeerPtr& peer, std::uint64_t number,
                      const core::HttpResponse& response) {
    say(peer, &Outgoing::after, [&](std::string& out) { write_answer(number, response, out); });
}

}  // namespace pulse::cluster
