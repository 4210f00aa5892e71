// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A message of the bridge to many web clients of one loop, without sockets, beside the same message
// through the hub alone, which is what the native dialect's fan-out costs:
//
//   hub/N               one channel, N sessions
//   web/original/N      N clients of the original's
//   web/extended/N      N clients that said hello
//   web/topic/N         N clients of that one topic
//   web/prefix/N        N clients of a prefix
//   web/mixed/N         a quarter of each
//   web/others/N        one client of the topic, N - 1 of topics of their own
//
// Each round publishes one message and flushes the lane; "per_delivery" is the time of one
// delivery. …_burst: 64 messages a round.
#include "web_relay.hpp"

#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/session.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

constexpr UniverseId kGame{2'745'313'133};
constexpr std::string_view kMessage =
    R"({"kind":"kill","by":"player-12","of":"player-7","with":"sword","at":[12.5,3,88]})";

class NoHost final : public core::LaneHost {
  public:
    void wake() noexcept override {}
};

/// Takes everything at once and looks at the length alone.
class NullConnection final : public core::Connection {
  public:
    explicit NullConnection(core::Lane& lane) : Connection(lane, core::no_framing()) {}
    [[nodiscard]] const core::PeerAddress& peer() const noexcept override { return peer_; }
    void close(std::uint16_t, std::string_view) override {}
    void request_tick(std::chrono::milliseconds) override {}
    void pause_reading(bool) override {}
    std::uint64_t bytes = 0;

  private:
    void write_out() noexcept override {
        iovec pieces[16];
        for (std::size_t n = gather(pieces); n > 0; n = gather(pieces)) {
            std::size_t total = 0;
            for (std::size_t i = 0; i < n; ++i) total += pieces[i].iov_len;
            bytes += total;
            consume(total);
        }
    }
    void on_overflow() noexcept override {}

    core::PeerAddress peer_{};
};

class PlainEncoder final : public core::Encoder {
  public:
    using Encoder::encode;
    bool encode(const core::PublicationView& publication, core::MessageWriter& out) const override {
        std::byte* place = out.begin(publication.payload.size(), core::MessageKind::text);
        if (place == nullptr) return false;
        std::copy(publication.payload.begin(), publication.payload.end(), place);
        return true;
    }
};

const PlainEncoder kEncoder;

struct Engine {
    Engine()
        : hub({.max_channels = 0}, {.clock = clock, .rng = rng, .log = log}),
          lane(hub.add_lane(host)),
          access(*AccessBook::make({"the-api-key"}, clock, rng)),
          clients(hub, *access),
          fanout(hub, &lane) {
        access->set_universe(kGame, {});
        caller = *access->authenticate({Credential::Kind::bearer, "the-api-key"}, kGame);
    }

    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    NoHost host;
    core::Hub hub;
    core::Lane& lane;
    std::unique_ptr<AccessBook> access;
    WebClients clients;
    HubFanout fanout;
    Caller caller;
};

struct WebPeer {
    WebPeer(Engine& engine, WebForm form, const std::string& pattern)
        : connection(engine.lane), client(engine.clients, connection, kGame, engine.caller, form) {
        (void)client.begin();
        if (!pattern.empty()) (void)client.subscribe({pattern});
    }
    NullConnection connection;
    WebClient client;
};

struct HubPeer {
    explicit HubPeer(Engine& engine)
        : connection(engine.lane),
          session(engine.hub, connection, kEncoder, core::SessionId::generate(engine.rng)) {
        (void)session.subscribe("game");
    }
    NullConnection connection;
    core::Session session;
};

void count(benchmark::State& state, std::int64_t deliveries) {
    state.SetItemsProcessed(deliveries);
    state.counters["per_delivery"] = benchmark::Counter(
        static_cast<double>(deliveries), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void hub_alone(benchmark::State& state, int burst) {
    Engine engine;
    std::vector<std::unique_ptr<HubPeer>> peers;
    for (int i = 0; i < state.range(0); ++i) peers.push_back(std::make_unique<HubPeer>(engine));
    // The bytes of an original's message.
    const std::string text = R"({"topic":"events","message":)" + std::string(kMessage) + '}';
    core::PublicationView publication{"game"};
    publication.payload = protocol::as_bytes(text);
    for (auto _ : state) {
        engine.lane.begin_turn();
        for (int i = 0; i < burst; ++i) (void)engine.hub.publish(publication, &engine.lane);
        engine.lane.flush();
    }
    count(state, static_cast<std::int64_t>(state.iterations()) * state.range(0) * burst);
}

enum class Audience : unsigned char { original, extended, topic, prefix, mixed, others };

std::unique_ptr<WebPeer> make_peer(Engine& engine, Audience audience, int i) {
    if (audience == Audience::mixed) audience = static_cast<Audience>(i % 4);
    switch (audience) {
        case Audience::extended:
            return std::make_unique<WebPeer>(engine, WebForm::extended, "");
        case Audience::topic:
            return std::make_unique<WebPeer>(engine, WebForm::original, "events");
        case Audience::prefix:
            return std::make_unique<WebPeer>(engine, WebForm::original, "ev*");
        case Audience::others:
            return std::make_unique<WebPeer>(engine, WebForm::original,
                                             i == 0 ? "events" : "user-" + std::to_string(i));
        default:
            return std::make_unique<WebPeer>(engine, WebForm::original, "");
    }
}

void web(benchmark::State& state, Audience audience, int burst) {
    Engine engine;
    std::vector<std::unique_ptr<WebPeer>> peers;
    for (int i = 0; i < state.range(0); ++i) peers.push_back(make_peer(engine, audience, i));
    WebMessage message{
        .universe = kGame, .topic = "events", .message = kMessage, .sender = {}, .epoch = "abc123"};
    for (auto _ : state) {
        engine.lane.begin_turn();
        for (int i = 0; i < burst; ++i) {
            ++message.seq;
            engine.fanout.deliver(message);
        }
        engine.lane.flush();
    }
    const std::int64_t receivers = audience == Audience::others ? 1 : state.range(0);
    count(state, static_cast<std::int64_t>(state.iterations()) * receivers * burst);
}

BENCHMARK_CAPTURE(hub_alone, one, 1)->Name("hub")->Arg(1'000);
BENCHMARK_CAPTURE(web, original, Audience::original, 1)->Name("web/original")->Arg(1'000);
BENCHMARK_CAPTURE(web, extended, Audience::extended, 1)->Name("web/extended")->Arg(1'000);
BENCHMARK_CAPTURE(web, topic, Audience::topic, 1)->Name("web/topic")->Arg(1'000);
BENCHMARK_CAPTURE(web, prefix, Audience::prefix, 1)->Name("web/prefix")->Arg(1'000);
BENCHMARK_CAPTURE(web, mixed, Audience::mixed, 1)->Name("web/mixed")->Arg(1'000);
BENCHMARK_CAPTURE(web, others, Audience::others, 1)->Name("web/others")->Arg(1'000);
BENCHMARK_CAPTURE(hub_alone, burst, 64)->Name("hub_burst")->Arg(1'000);
BENCHMARK_CAPTURE(web, original_burst, Audience::original, 64)
    ->Name("web/original_burst")
    ->Arg(1'000);
BENCHMARK_CAPTURE(web, mixed_burst, Audience::mixed, 64)->Name("web/mixed_burst")->Arg(1'000);

}  // namespace

BENCHMARK_MAIN();
