// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which way a message takes. What all servers it is for come for is not published; where some only
// listen, it is, and those that both listen and poll take it from there, not twice.
#include "frame_writer.hpp"
#include "universe.hpp"

#include <charconv>

namespace pulse::roblox {

namespace {

/// What a poll's answer can hold with room for others.
constexpr std::size_t kMaxPolledBytes = std::size_t{1} << 20;

[[nodiscard]] std::uint64_t number_of(std::string_view text) noexcept {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

[[nodiscard]] Outcome outcome_of(std::error_code error) noexcept {
    if (error == Error::queue_full) return Outcome::queue_full;
    if (error == Error::message_too_large) return Outcome::too_large;
    if (error == Error::forbidden) return Outcome::key_rejected;
    return Outcome::invalid;
}

}  // namespace

Universe::Route Universe::route_of(const OutgoingMessage& message) {
    Route route{.forms = forms_of(config_.mode, has_said_hello_)};
    const std::size_t deaf =
        directory_.count(ServerTransport::poll) + directory_.count(ServerTransport::stream);
    if (message.target.kind == Target::Kind::server) {
        route.server = directory_.find(message.target.id);
        if (route.server == nullptr || !route.server->polls()) return route;
        // Where it hears frames it says hello, so it does not need the old form either.
        if (!route.server->hears_frames() || route.forms.v1) {
            route.forms = {};
            route.is_for_ring = true;
        }
        return route;
    }
    const std::size_t hybrid = directory_.count(ServerTransport::hybrid);
    const bool all_poll = directory_.size() != 0 &&
                          directory_.count(ServerTransport::messaging) == 0 &&
                          !config_.has_silent_servers;
    if (route.forms.v1 && all_poll) {
        route.forms.v1 = false;
        route.is_for_ring = hybrid + deaf != 0;
    } else {
        route.is_for_ring = deaf != 0;
        route.is_for_deaf_only = true;
    }
    return route;
}

std::optional<Error> Universe::check(const OutgoingMessage& message) const {
    if (!is_valid_topic(message.topic)) return Error::invalid_topic;
    if (message.target.kind != Target::Kind::broadcast && !is_valid_server_id(message.target.id)) {
        return Error::invalid_server_id;
    }
    if (message.message.size() > kMaxPolledBytes) return Error::message_too_large;
    return {};
}

PublishResult Universe::refused(Outcome outcome) {
    note_end(outcome);
    PublishResult result{.outcome = outcome};
    if (outcome == Outcome::queue_full) result.retry_after = dispatcher_.drain_time();
    return result;
}

void Universe::add_to_ring(DownlinkMessage message, LiveServer* server) {
    const Time now = shared_.now();
    const bool is_for_deaf_only = message.is_for_deaf_only;
    const bool is_for_one = !message.server.empty();
    const std::uint64_t only_place = message.place;
    const std::uint64_t seq = poll_ring_.add(std::move(message), now);
    if (!tidy_at_) tidy_at_ = now + shared_.options.poll_ring.keep_for;
    ++shared_.metrics.messages_out_polled;
    if (is_for_one) {
        if (server == nullptr) return;
        polls_.added_for(server->poll, seq, now);
        wakes_.mark(*server, now);
        return;
    }
    polls_.added_for_all(seq, now);
    if (!is_for_deaf_only) wakes_.mark_all(only_place, now);
}

Universe::Taken Universe::take(OutgoingMessage message, PublishDone done) {
    if (shared_.is_shutting_down) return {.ended = refused(Outcome::shutting_down)};
    const Time now = shared_.now();
    const Route route = route_of(message);
    const bool is_published = route.forms.v0 || route.forms.v1;
    const std::string topic = message.topic;

    std::optional<DownlinkMessage> polled;
    if (route.is_for_ring && is_valid_topic(topic) && message.message.size() <= kMaxPolledBytes) {
        const bool is_targeted = message.target.kind == Target::Kind::server;
        polled = DownlinkMessage{
            .topic = topic,
            .message = message.message,
            .options = encode_item_options({.sender = message.sender,
                                            .sent_at_ms = message.sent_at_ms != 0
                                                              ? message.sent_at_ms
                                                              : shared_.parts.clock.unix_ms()}),
            .server = is_targeted ? message.target.id : std::string(),
            .place = message.target.kind == Target::Kind::place ? number_of(message.target.id) : 0,
            .is_for_deaf_only = route.is_for_deaf_only};
    }
    Taken taken;
    if (is_published) {
        if (config_.key.is_empty()) return {.ended = refused(Outcome::key_rejected)};
        const auto id = dispatcher_.publish(std::move(message), route.forms, now);
        if (!id) return {.ended = refused(outcome_of(id.error()))};
        taken.id = *id;
        open_.emplace(*id, std::move(done));
        ++shared_.metrics.messages_out_published;
    } else if (const auto error = check(message)) {
        return {.ended = refused(outcome_of(make_error_code(*error)))};
    } else {
        note_end(Outcome::accepted);
        taken.ended = PublishResult{};
    }
    traffic_.count_out(topic, now);
    if (polled) add_to_ring(std::move(*polled), route.server);
    return taken;
}

void Universe::publish(OutgoingMessage message, PublishDone done) {
    // Kept here too: a message that is over at once does not take its completion along.
    const auto shared_done = std::make_shared<PublishDone>(std::move(done));
    Taken taken = take(std::move(message), [shared_done](const PublishResult& result) {
        if (*shared_done) (*shared_done)(result);
    });
    if (!taken.ended) return;
    shared_.call_later([shared_done, result = std::move(*taken.ended)] {
        if (*shared_done) (*shared_done)(result);
    });
}

void Universe::deliver_to_web(std::string topic, std::string message, std::string sender) {
    const Time now = shared_.now();
    const std::uint64_t unix_ms = shared_.parts.clock.unix_ms();
    traffic_.count_in(topic, now);
    ++shared_.metrics.messages_in_web;
    const std::uint64_t seq = web_ring_.last_seq() + 1;
    shared_.parts.web.deliver({.universe = id_,
                               .topic = topic,
                               .message = message,
                               .sender = sender,
                               .epoch = web_ring_.epoch(),
                               .seq = seq,
                               .sent_at_ms = unix_ms});
    web_ring_.add({.topic = std::move(topic),
                   .message = std::move(message),
                   .options = {},
                   .server = std::move(sender),
                   .sent_at_ms = unix_ms},
                  now);
    if (!tidy_at_) tidy_at_ = now + shared_.options.web_ring.keep_for;
}

WebPage Universe::read_web(std::string_view cursor, std::size_t max_messages) {
    const DownlinkRing::Page page = web_ring_.read(
        cursor, [](const DownlinkMessage&) { return true; }, max_messages,
        shared_.options.web_ring.max_bytes, shared_.now());
    WebPage out{.messages = {},
                .cursor = page.cursor,
                .has_missed = page.has_missed,
                .has_more = page.has_more};
    out.messages.reserve(page.messages.size());
    for (const DownlinkMessage* message : page.messages) {
        out.messages.push_back({.seq = message->seq,
                                .topic = message->topic,
                                .message = message->message,
                                .sender = message->server,
                                .sent_at_ms = message->sent_at_ms});
    }
    return out;
}

}  // namespace pulse::roblox
