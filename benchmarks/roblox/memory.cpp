// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   roblox-memory [CLIENTS] [UNIVERSES]
//
// Bytes of heap for each of 1,000 universes and 100,000 web clients, in one process, without
// sockets: what malloc has handed out, its own overhead included. The connections are fakes,
// weighed first and not counted; beside them stand as many clients of the native dialect.
//
//   universe              registered: settings, sealed key, a token each, in memory and bridge
//   universe-used         after a message in each direction
//   web                   a client of the original's: gets everything of its universe
//   web-topics            after hello and subscribing to two topics
//   native                a native client, subscribed to one channel
//   left                  after all of them have gone
#include "embedded_bridge.hpp"
#include "report.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <malloc.h>

#include <pulse/core/native/dialect.hpp>
#include <pulse/protocol/codec.hpp>

namespace {

using namespace pulse;

using Conversations = std::vector<std::unique_ptr<core::Conversation>>;
using Connections = std::vector<std::unique_ptr<bench::FakeConnection>>;

double heap_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

/// What was taken since the last call, for each of `count`.
class Scale {
  public:
    double weigh(std::size_t count) {
        const double now = heap_bytes();
        const double each = (now - before_) / static_cast<double>(count);
        before_ = now;
        return each;
    }

  private:
    double before_ = heap_bytes();
};

Connections connections(core::Lane& lane, std::size_t count) {
    Connections all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(std::make_unique<bench::FakeConnection>(lane));
    }
    return all;
}

roblox::UniverseId universe_of(std::size_t i, std::size_t universes) {
    return {1'000 + i % universes};
}

void expect(bool is_so, const char* what) {
    if (!is_so) throw std::runtime_error(what);
}

void say(core::Conversation& conversation, std::string_view text) {
    conversation.on_message(protocol::as_bytes(text), core::MessageKind::text);
}

/// A message from a game server to the web clients of each universe, and one the other way.
void use_universes(bench::EmbeddedBridge& bridge, std::size_t universes, const char* batch_id) {
    for (std::size_t i = 0; i < universes; ++i) {
        roblox::Bridge& engine = bridge.host.bridge();
        roblox::UplinkBatch batch;
        batch.server = "job-1";
        batch.batch = batch_id;
        batch.messages.push_back({.topic = "chat", .message = "\"hello\""});
        expect(engine.uplink(universe_of(i, universes), std::move(batch)).has_value(), "no uplink");
        engine.publish(universe_of(i, universes), {.topic = "chat", .message = "\"hello\""}, {});
    }
    bench::run(bridge.lane);
}

void measure_universes(bench::EmbeddedBridge& bridge, std::size_t universes,
                       std::vector<std::string>& tokens, bench::Report& report) {
    Scale scale;
    for (std::size_t i = 0; i < universes; ++i) {
        bridge.add_universe(universe_of(i, universes));
        tokens.push_back(bridge.add_token(universe_of(i, universes),
                                          {roblox::Right::web_read, roblox::Right::web_send}));
    }
    report.add("universe", {{"bytes", scale.weigh(universes)}});
    use_universes(bridge, universes, "job-1-1");
    report.add("universe-used", {{"bytes", scale.weigh(universes)}});
}

void measure_web(bench::EmbeddedBridge& bridge, std::size_t clients, std::size_t universes,
                 const std::vector<std::string>& tokens, bench::Report& report) {
    Scale scale;
    double first = 0;
    double with_topics = 0;
    {
        const Connections sockets = connections(bridge.lane, clients);
        Conversations web;
        web.reserve(clients);
        report.add("fake-connection", {{"bytes", scale.weigh(clients)}});
        for (std::size_t i = 0; i < clients; ++i) {
            web.push_back(
                bridge.connect(*sockets[i], universe_of(i, universes), tokens[i % universes]));
        }
        bench::run(bridge.lane);
        first = scale.weigh(clients);
        expect(bridge.clients.count() == clients, "not all web clients are there");

        use_universes(bridge, universes, "job-1-2");
        for (const auto& socket : sockets) expect(socket->bytes != 0, "a client got nothing");
        (void)scale.weigh(clients);
        for (const auto& client : web) {
            say(*client, R"({"op":"hello","v":1})");
            say(*client, R"({"op":"sub","topics":["chat","match.*"]})");
            if (bridge.lane.needs_flush()) bench::run(bridge.lane);
        }
        bench::run(bridge.lane);
        with_topics = first + scale.weigh(clients);
        web.clear();
    }
    bench::run(bridge.lane);
    report.add("web", {{"bytes", first}});
    report.add("web-topics", {{"bytes", with_topics}});
}

void measure_native(bench::EmbeddedBridge& bridge, std::size_t clients, std::size_t channels,
                    bench::Report& report) {
    core::native::NativeDialect dialect(bridge.hub, {});
    const Connections sockets = connections(bridge.lane, clients);
    Conversations native;
    native.reserve(clients);
    core::OpenRequest request;
    request.header = [](std::string_view) { return std::string_view(); };
    Scale scale;
    for (std::size_t i = 0; i < clients; ++i) {
        native.push_back(dialect.open(*sockets[i], request));
        native.back()->on_open();
        say(*native.back(), R"({"type":"subscribe","id":1,"channel":"channel-)" +
                                std::to_string(i % channels) + "\"}");
        if (bridge.lane.needs_flush()) bench::run(bridge.lane);
    }
    bench::run(bridge.lane);
    report.add("native", {{"bytes", scale.weigh(clients)}});
    for (const auto& socket : sockets) expect(!socket->is_closed, "a native client was closed");
    native.clear();
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t clients = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    const std::size_t universes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000;
    bench::Report report;
    try {
        bench::EmbeddedBridge bridge;
        std::vector<std::string> tokens;
        tokens.reserve(universes);
        measure_universes(bridge, universes, tokens, report);
        const double before = heap_bytes();
        measure_web(bridge, clients, universes, tokens, report);
        const double left = (heap_bytes() - before) / static_cast<double>(clients);
        report.add("left", {{"bytes", left}});
        measure_native(bridge, clients, universes, report);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "roblox-memory: %s\n", error.what());
        return 1;
    }
    report.print();
}
