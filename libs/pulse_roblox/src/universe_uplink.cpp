// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Batches of game servers: each happens once, however often it comes, and brings back what waits
// for the server and what it has missed.
#include "universe.hpp"

#include <algorithm>
#include <charconv>

namespace pulse::roblox {

namespace {

/// What a batch was answered, as kept in the book: `<accepted>[ <index>:<error>]…`.
[[nodiscard]] std::string store_result(const UplinkReply& reply) {
    std::string text = std::to_string(reply.accepted);
    for (const UplinkReply::Refused& refused : reply.refused) {
        text += ' ' + std::to_string(refused.index) + ':' +
                std::to_string(static_cast<int>(refused.error));
    }
    return text;
}

void restore_result(std::string_view text, UplinkReply& reply) {
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    at = std::from_chars(at, end, reply.accepted).ptr;
    while (at != end) {
        UplinkReply::Refused refused;
        int error = 0;
        at = std::from_chars(at + 1, end, refused.index).ptr;
        at = std::from_chars(at + 1, end, error).ptr;
        refused.error = static_cast<Error>(error);
        reply.refused.push_back(refused);
    }
}

[[nodiscard]] std::optional<Error> error_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::accepted:
        case Outcome::replaced:
            return {};
        case Outcome::too_large:
            return Error::message_too_large;
        case Outcome::invalid:
            return Error::invalid_topic;
        case Outcome::key_rejected:
            return Error::forbidden;
        default:
            return Error::queue_full;
    }
}

void add_seqs(std::vector<MissingRange>& ranges, const MissingRange& of,
              const std::vector<std::uint64_t>& seqs) {
    for (const std::uint64_t seq : seqs) {
        const bool goes_on = !ranges.empty() && ranges.back().last + 1 == seq &&
                             ranges.back().epoch == of.epoch &&
                             ranges.back().real_topic == of.real_topic;
        if (goes_on) {
            ranges.back().last = seq;
        } else {
            ranges.push_back({of.epoch, of.real_topic, seq, seq});
        }
    }
}

}  // namespace

void Universe::take_uplink(Item item, const UplinkOptions& options, const std::string& server,
                           std::size_t index, UplinkReply& reply) {
    if (!is_valid_topic(item.topic)) {
        reply.refused.push_back({index, Error::invalid_topic});
        return;
    }
    if (options.destination == Destination::server) {
        deliver_to_web(std::move(item.topic), std::move(item.message), server);
        ++reply.accepted;
        return;
    }
    OutgoingMessage message{.topic = std::move(item.topic),
                            .message = std::move(item.message),
                            .key = options.key,
                            .ttl = options.ttl,
                            .sender = server,
                            .sent_at_ms = item.options.sent_at_ms};
    std::optional<Error> error;
    const auto take_one = [&](OutgoingMessage one) {
        const Taken taken = take(std::move(one), {});
        if (taken.ended && !error) error = error_of(taken.ended->outcome);
    };
    if (item.options.servers.empty()) {
        take_one(std::move(message));
    } else {
        for (const std::string& target : item.options.servers) {
            OutgoingMessage one = message;
            one.target = {Target::Kind::server, target};
            take_one(std::move(one));
        }
    }
    if (error) {
        reply.refused.push_back({index, *error});
        return;
    }
    ++shared_.metrics.messages_in_roblox;
    ++reply.accepted;
}

void Universe::repair(const UplinkBatch& batch, UplinkReply& reply, Time now) {
    std::size_t room = shared_.options.frame_ring.max_answer;
    const LiveServer* server = directory_.find(batch.server);
    const std::string own = target_topic(config_.prefix, {Target::Kind::server, batch.server});
    const std::string own_place =
        server == nullptr || server->hello.place == 0
            ? std::string()
            : target_topic(config_.prefix,
                           {Target::Kind::place, std::to_string(server->hello.place)});
    const std::string shards = config_.prefix + ".b";
    for (const MissingRange& range : batch.missing) {
        if (room == 0) return;  // asked for again
        // Another server's messages are none of its business.
        const bool is_heard = range.real_topic.starts_with(shards) || range.real_topic == own ||
                              (!own_place.empty() && range.real_topic == own_place);
        if (!is_heard || range.epoch != sequence_->epoch()) {
            reply.gone.push_back(range);
            continue;
        }
        const std::uint64_t last = std::min(range.last, range.first + room - 1);
        const FrameRing::Found found =
            dispatcher_.ring().find(range.real_topic, range.first, last, now);
        room -= std::min<std::size_t>(room, last - range.first + 1);
        for (const std::string& text : found.frames) {
            reply.repaired.push_back({range.real_topic, text});
        }
        add_seqs(reply.voided, range, found.void_seqs);
        add_seqs(reply.gone, range, found.gone_seqs);
        shared_.metrics.frames_repaired += found.frames.size();
        shared_.metrics.frames_gone += found.gone_seqs.size();
    }
}

UplinkReply Universe::uplink(UplinkBatch batch) {
    const Time now = shared_.now();
    UplinkReply reply;
    ++shared_.metrics.uplink_batches;
    const std::string key = "b" + batch.batch;
    const AnswerBook::Entry entry = answers_.begin(key, now);
    if (entry.is_known) {
        ++uplink_duplicates_;
        ++shared_.metrics.uplink_duplicates;
        reply.is_duplicate = true;
        restore_result(entry.answer, reply);
    } else {
        for (std::size_t i = 0; i < batch.messages.size(); ++i) {
            take_uplink(std::move(batch.messages[i]), batch.options_of(i), batch.server, i, reply);
        }
        answers_.answer(key, store_result(reply));
    }

    LiveServer* server = directory_.touch(batch.server, now);
    reply.wants_hello = server == nullptr || !server->has_said_hello;
    if (!batch.missing.empty()) repair(batch, reply, now);
    if (server == nullptr || !server->polls() || server->poll != 0) {
        reply.cursor = batch.ack;
        return reply;
    }
    if (batch.ack.empty()) {
        // No telling where it stands: from now on, as with a poll.
        reply.cursor = poll_ring_.cursor();
        return reply;
    }
    const DownlinkReader reader = reader_of(*server);
    const DownlinkRing::Page page = poll_ring_.read(
        batch.ack, [&reader](const DownlinkMessage& message) { return reader.wants(message); },
        shared_.options.poll_max_messages, shared_.options.poll_max_bytes, now);
    PollReply down = reply_of(page);
    reply.down = std::move(down.messages);
    reply.cursor = std::move(down.cursor);
    reply.has_missed = down.has_missed;
    if (!page.has_more && server->sleep == LiveServer::Sleep::unread) {
        wakes_.fall_asleep(*server);
    }
    return reply;
}

}  // namespace pulse::roblox
