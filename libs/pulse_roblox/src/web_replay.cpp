// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_replay.hpp"

#include "web_frame.hpp"
#include "web_relay.hpp"

#include <utility>

namespace pulse::roblox {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPageMessages = 128;
constexpr auto kDrainCheck = 20ms;

using Shared = std::shared_ptr<WebReplay>;

void ask(const Shared& replay, std::string since);

void finish(const Shared& replay, const std::string& cursor) {
    const WebPlace place = parse_web_place(cursor).value_or(WebPlace{});
    if (!replay->client.release(place.epoch, place.seq)) replay->on_gap();
    replay->done(cursor);
}

/// Goes on as soon as the client has read most of what it was given.
void go_on(const Shared& replay, std::string cursor, bool has_more) {
    core::Connection& connection = replay->connection;
    const std::size_t limit = replay->client.relay().options().max_backlog_bytes;
    if (connection.backlog_bytes() <= limit / 4) {
        if (has_more) return ask(replay, std::move(cursor));
        return finish(replay, cursor);
    }
    core::Lane& lane = connection.lane();
    lane.post_at(lane.now() + kDrainCheck,
                 [handle = connection.handle(), replay, cursor = std::move(cursor), has_more] {
                     handle.post([replay, cursor, has_more](core::Connection&) {
                         go_on(replay, cursor, has_more);
                     });
                 });
}

void take_page(const Shared& replay, const WebPage& page) {
    WebClient& client = replay->client;
    if (page.has_missed) replay->on_gap();
    const WebPlace place = parse_web_place(page.cursor).value_or(WebPlace{});
    for (const WebPage::Message& message : page.messages) {
        if (!client.wants(message.topic)) continue;
        client.send(encode_web_frame({.universe = client.universe(),
                                      .topic = message.topic,
                                      .message = message.message,
                                      .sender = message.sender,
                                      .epoch = place.epoch,
                                      .seq = message.seq,
                                      .sent_at_ms = message.sent_at_ms}));
    }
    // What was just queued shows in the backlog once this turn is written.
    replay->connection.handle().post(
        [replay, cursor = page.cursor, has_more = page.has_more && !page.messages.empty()](
            core::Connection&) { go_on(replay, cursor, has_more); });
}

void ask(const Shared& replay, std::string since) {
    const UniverseId universe = replay->client.universe();
    replay->host.post([universe, since = std::move(since), replay,
                       handle = replay->connection.handle()](Bridge& bridge) {
        auto page = std::make_shared<WebPage>();
        if (since.empty()) {
            page->cursor = bridge.web_cursor(universe);
        } else {
            *page = bridge.read_web(universe, since, kPageMessages);
        }
        // The replay's references are good on the connection's loop, while it is there.
        handle.post([replay, page](core::Connection&) { take_page(replay, *page); });
    });
}

}  // namespace

void begin_replay(WebReplay replay, std::string since) {
    replay.client.hold();
    ask(std::make_shared<WebReplay>(std::move(replay)), std::move(since));
}

}  // namespace pulse::roblox
