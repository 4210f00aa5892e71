// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Game servers: who is there, what follows from that, and the polls of those that come for their
// messages.
#include "frame_writer.hpp"
#include "universe.hpp"

#include <algorithm>
#include <limits>

namespace pulse::roblox {

namespace {

constexpr std::size_t kMaxPollTopics = 64;

}  // namespace

/// What of the rest depends on who is there.
void Universe::servers_changed() {
    Outbox& outbox = dispatcher_.outbox();
    outbox.set_shards(directory_.shards(config_.shards));
    outbox.set_capabilities({.zstd = directory_.all_have_zstd() && !config_.has_silent_servers,
                             .http = directory_.all_have_http() && !config_.has_silent_servers});
    // Servers that know only the original's form never say hello: with any of those the number is
    // not known, nor when nobody has said anything.
    std::optional<unsigned> servers;
    const bool is_known = forms_of(config_.mode, has_said_hello_).v0 == false &&
                          !config_.has_silent_servers && directory_.size() != 0;
    if (is_known) servers = static_cast<unsigned>(directory_.size());
    shared_.parts.budget.set_servers(id_, servers);
}

/// It is there, and is not polling.
void Universe::greet(LiveServer& server) {
    if (server.transport != ServerTransport::hybrid || server.poll != 0) {
        wakes_.wake_up(server);
        return;
    }
    if (server.sleep == LiveServer::Sleep::awake) wakes_.fall_asleep(server);
}

void Universe::forget(LiveServer& server) {
    wakes_.wake_up(server);
    if (auto poll = polls_.take(server.poll)) finish_poll(std::move(*poll), {});
    wakes_.wake_up(server);  // the end of its poll put it to sleep
    directory_.remove(server);
    servers_changed();
}

core::Result<HelloReply> Universe::hello(const ServerHello& hello) {
    const Time now = shared_.now();
    if (directory_.find(hello.server) == nullptr &&
        directory_.size() >= shared_.options.max_servers) {
        return tl::unexpected{make_error_code(Error::too_many_entries)};
    }
    LiveServer& server = directory_.put(hello, transport_of(hello), true, now);
    // Under what was said before, a poll that waits would come back with too little.
    polls_.update(server.poll, server.hello.place, server.hears_frames());
    has_said_hello_ = has_said_hello_ || hello.speaks_v1;
    greet(server);
    servers_changed();
    if (hello.published != 0) shared_.parts.budget.charge(id_, {}, hello.published, now);

    HelloReply reply{.server = server.id(),
                     .epoch = std::string(sequence_->epoch()),
                     .prefix = config_.prefix,
                     .shards = config_.shards,
                     .is_compatible = forms_of(config_.mode, has_said_hello_).v0,
                     .mode = config_.mode,
                     .heartbeat = shared_.options.heartbeat,
                     .poll_wait = shared_.options.poll_wait,
                     .poll_min_interval = shared_.options.poll_min_interval,
                     .unix_ms = shared_.parts.clock.unix_ms(),
                     .cursor = poll_ring_.cursor(),
                     .heads = {}};
    if (server.hears_frames()) {
        const auto add = [&](std::string real_topic) {
            const std::uint64_t head = sequence_->head(real_topic);
            reply.heads.push_back({std::move(real_topic), head});
        };
        for (unsigned shard = 0; shard < config_.shards; ++shard) {
            add(shard_topic(config_.prefix, shard));
        }
        add(target_topic(config_.prefix, {Target::Kind::server, server.id()}));
        if (hello.place != 0) {
            add(target_topic(config_.prefix, {Target::Kind::place, std::to_string(hello.place)}));
        }
    }
    return reply;
}

void Universe::bye(std::string_view id) {
    if (LiveServer* server = directory_.find(id)) forget(*server);
}

// ------------------------------------------------------------------ polls

DownlinkReader Universe::reader_of(const LiveServer& server) const {
    return {
        .server = server.id(), .place = server.hello.place, .hears_frames = server.hears_frames()};
}

PollReply Universe::reply_of(const DownlinkRing::Page& page) const {
    PollReply reply{.status = PollStatus::messages,
                    .cursor = page.cursor,
                    .messages = {},
                    .has_missed = page.has_missed};
    reply.messages.reserve(page.messages.size());
    for (const DownlinkMessage* message : page.messages) {
        reply.messages.push_back(
            {message->seq, message->topic, message->message, message->options});
    }
    return reply;
}

void Universe::finish_poll(HeldPoll poll, PollReply reply) {
    --shared_.polls_open;
    if (reply.cursor.empty()) reply.cursor = poll_ring_.cursor_at(poll.after);
    const Time now = shared_.now();
    if (LiveServer* server = directory_.touch(poll.reader.server, now)) {
        reply.wants_hello = !server->has_said_hello;
        if (server->poll == poll.id) {
            server->poll = 0;
            server->polled = now;
            greet(*server);
        }
    }
    shared_.call_later([done = std::move(poll.done), reply = std::move(reply)]() mutable {
        done(std::move(reply));
    });
}

PollId Universe::poll(PollRequest request, PollDone done) {
    const Time now = shared_.now();
    ++shared_.metrics.polls;
    const PollId id = ++shared_.last_poll;
    const auto answer = [&](PollReply reply) {
        shared_.call_later([done = std::move(done), reply = std::move(reply)]() mutable {
            done(std::move(reply));
        });
        return id;
    };
    const auto refuse = [&](Error error) {
        return answer({.status = PollStatus::refused, .error = error});
    };
    if (shared_.is_shutting_down) {
        return answer({.status = PollStatus::shutting_down, .cursor = request.cursor});
    }
    if (!is_valid_server_id(request.server)) return refuse(Error::invalid_server_id);
    if (request.topics.size() > kMaxPollTopics) return refuse(Error::too_many_entries);

    LiveServer* server = directory_.touch(request.server, now);
    if (server == nullptr) {
        if (directory_.size() >= shared_.options.max_servers) {
            return refuse(Error::too_many_entries);
        }
        ServerHello hello{.server = request.server};
        hello.has_http = true;
        server = &directory_.put(hello, ServerTransport::poll, false, now);
        servers_changed();
    }
    const bool may_change = server->transport != ServerTransport::hybrid;
    const ServerTransport wanted =
        request.is_stream ? ServerTransport::stream : ServerTransport::poll;
    if (server->transport == ServerTransport::messaging) {
        // It listens, and comes all the same.
        directory_.set_transport(*server, ServerTransport::hybrid);
    } else if (may_change && server->transport != wanted) {
        directory_.set_transport(*server, wanted);
    }
    if (auto older = polls_.take(server->poll)) {
        server->poll = 0;
        finish_poll(std::move(*older), {.status = PollStatus::superseded});
    }
    wakes_.wake_up(*server);

    DownlinkReader reader = reader_of(*server);
    reader.topics = std::move(request.topics);
    const DownlinkRing::Page page = poll_ring_.read(
        request.cursor, [&reader](const DownlinkMessage& message) { return reader.wants(message); },
        shared_.options.poll_max_messages, shared_.options.poll_max_bytes, now);
    const auto wait =
        std::clamp(request.wait, std::chrono::milliseconds(0), shared_.options.poll_wait);
    const bool is_over = !page.messages.empty() || page.has_missed || wait.count() == 0;
    if (is_over || shared_.polls_open >= shared_.options.max_polls) {
        server->polled = now;
        greet(*server);
        if (!is_over) return refuse(Error::too_many_entries);
        PollReply reply = reply_of(page);
        if (page.messages.empty() && !page.has_missed) reply.status = PollStatus::nothing;
        reply.wants_hello = !server->has_said_hello;
        return answer(std::move(reply));
    }
    ++shared_.polls_open;
    server->poll = id;
    polls_.hold({.id = id,
                 .reader = std::move(reader),
                 .after = poll_ring_.last_seq(),
                 .deadline = now + wait,
                 .done = std::move(done)});
    return id;
}

const std::string* Universe::blob(std::string_view token) {
    return claims_.find(token, shared_.now());
}

void Universe::cancel_poll(PollId id) {
    auto poll = polls_.take(id);
    if (!poll) return;
    poll->done = [](const PollReply&) {};
    finish_poll(std::move(*poll), {});
}

void Universe::end_polls(PollStatus status, Error error) {
    for (HeldPoll& poll : polls_.take_all()) {
        finish_poll(std::move(poll), {.status = status, .error = error});
    }
}

void Universe::send_wakes(Time now) {
    const std::vector<LiveServer*> due = wakes_.take_due(now);
    if (due.empty() || config_.key.is_empty() || dispatcher_.is_circuit_open()) return;
    Outbox& outbox = dispatcher_.outbox();
    const std::string cursor = poll_ring_.cursor();
    shared_.metrics.wakes += due.size();
    if (due.size() > shared_.options.max_targeted_wakes) {
        // Any shard that is heard by all; the first one always is.
        outbox.push_wake(shard_topic(config_.prefix, 0), Target::Kind::broadcast, cursor);
        return;
    }
    for (const LiveServer* server : due) {
        outbox.push_wake(target_topic(config_.prefix, {Target::Kind::server, server->id()}),
                         Target::Kind::server, cursor);
    }
}

std::vector<ServerInfo> Universe::servers() const {
    const Time now = shared_.now();
    std::vector<ServerInfo> servers;
    servers.reserve(directory_.size());
    for (const LiveServer& server : directory_.all()) {
        ServerInfo info{.server = server.id(),
                        .place = server.hello.place,
                        .version = server.hello.version,
                        .players = server.hello.players,
                        .capabilities = {},
                        .transport = server.transport,
                        .is_polling = server.poll != 0};
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - server.seen);
        info.last_seen_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, age.count()));
        if (server.hello.speaks_v1) info.capabilities.emplace_back("v1");
        if (server.hello.has_zstd) info.capabilities.emplace_back("z");
        if (server.hello.has_http) info.capabilities.emplace_back("http");
        if (server.hello.polls) info.capabilities.emplace_back("poll");
        servers.push_back(std::move(info));
    }
    return servers;
}

}  // namespace pulse::roblox
