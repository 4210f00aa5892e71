// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hub without sockets, one thread.
//
// First the loops of the engine this one is compatible with, unchanged: its published figures are
// for these. They count a publish as done when it is stored and its receivers have not read
// anything.
//
//   router/subscribe/new            format a channel name, subscribe to that new channel
//   router/subscribe/existing       subscribe one more session to a channel that is there
//   router/connect_subscribe        the same with a new session and its id
//   router/publish/receivers:N      publish a prebuilt 64-byte message to N receivers that never
//   read channel/publish                 build a 64-byte message (two clock reads) and publish it
//   to one fanout/receivers:N              as router/publish, counting N "elements"
//   pubsub_latency/receivers:N      build, publish, one try_receive each
//   message_creation/...            build a message, without and with event and source
//   subscription_lookup/...         format one of 1,000 names (10 receivers each), look it up
//
// Then what matters, with delivery: publish one 64-byte message and let every subscriber have it.
//
//   deliver/receivers:N             each try_receive()s it
//   deliver/receivers_copy:N        each keeps a copy of the shared pointer, as a queue would
//   deliver/outlets:N               the lane flushes it to N outlets that count bytes
//   deliver/listeners:N             the lane calls N functions with it
//   deliver/outlets_burst:N         64 messages per flush, per message
//
// "per_delivery" is the time of one delivery. Run with --benchmark_repetitions=5 on an idle
// machine.
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/uio.h>

#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/session.hpp>

namespace {

using namespace pulse::core;

constexpr std::size_t kPayloadBytes = 64;

class NoHost final : public LaneHost {
  public:
    void wake() noexcept override {}
};

/// Takes everything at once and looks at the length alone: what an outlet costs without a socket.
class NullOutlet final : public Outlet {
  public:
    using Outlet::Outlet;
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
};

/// A payload with a length in front, as short as a wire form can be.
class PlainEncoder final : public Encoder {
  public:
    using Encoder::encode;
    bool encode(const PublicationView& publication, MessageWriter& out) const override {
        std::byte* place = out.begin(publication.payload.size(), MessageKind::binary);
        if (place == nullptr) return false;
        std::copy(publication.payload.begin(), publication.payload.end(), place);
        return true;
    }
};

const PlainEncoder kEncoder;

struct Engine {
    Engine() : Engine(HubOptions{}) {}
    explicit Engine(HubOptions options)
        : hub(unlimited(std::move(options)), HubServices{.clock = clock, .rng = rng, .log = log}),
          lane(hub.add_lane(host)) {}

    static HubOptions unlimited(HubOptions options) {
        options.max_channels = 0;
        options.max_subscriptions_per_session = 0;
        return options;
    }

    SystemClock clock;
    SystemRng rng;
    NullLog log;
    NoHost host;
    Hub hub;
    Lane& lane;
};

struct Client {
    explicit Client(Engine& engine)
        : outlet(engine.lane, no_framing()),
          session(engine.hub, outlet, kEncoder, SessionId::generate(engine.rng)) {}
    NullOutlet outlet;
    Session session;
};

PublicationPtr make_message(const Clock& clock) {
    const std::vector<std::byte> payload(kPayloadBytes);
    auto publication = std::make_shared<Publication>("test", payload);
    // The other engine takes an id from the clock, too.
    benchmark::DoNotOptimize(clock.now());
    publication->timestamp_ms = clock.unix_ms();
    return publication;
}

std::vector<Receiver> make_receivers(Engine& engine, std::string_view channel, std::size_t n) {
    std::vector<Receiver> receivers;
    receivers.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        receivers.push_back(std::move(*engine.hub.subscribe(channel)));
    }
    return receivers;
}

void set_per_delivery(benchmark::State& state, double deliveries_per_iteration) {
    state.counters["per_delivery"] =
        benchmark::Counter(deliveries_per_iteration, benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

// ------------------------------------------------------------ the other's loops

void subscribe_new(benchmark::State& state) {
    Engine engine;
    std::deque<Client> clients;
    constexpr std::size_t kBatch = 20'000;
    std::size_t at = 0;
    std::uint64_t number = 0;
    char name[32];
    for (auto _ : state) {
        if (at == clients.size()) {
            state.PauseTiming();
            for (std::size_t i = 0; i < kBatch; ++i) clients.emplace_back(engine);
            state.ResumeTiming();
        }
        const int n = std::snprintf(name, sizeof name, "channel:%llu",
                                    static_cast<unsigned long long>(number++));
        benchmark::DoNotOptimize(
            clients[at++].session.subscribe({name, static_cast<std::size_t>(n)}));
    }
}
BENCHMARK(subscribe_new)->Name("router/subscribe/new")->Iterations(400'000);

void subscribe_existing(benchmark::State& state) {
    Engine engine;
    std::deque<Client> clients;
    constexpr std::size_t kBatch = 20'000;
    std::size_t at = 0;
    for (auto _ : state) {
        if (at == clients.size()) {
            state.PauseTiming();
            for (std::size_t i = 0; i < kBatch; ++i) clients.emplace_back(engine);
            state.ResumeTiming();
        }
        benchmark::DoNotOptimize(clients[at++].session.subscribe("channel:test"));
    }
}
BENCHMARK(subscribe_existing)->Name("router/subscribe/existing")->Iterations(1'000'000);

void connect_subscribe(benchmark::State& state) {
    Engine engine;
    std::deque<Client> clients;
    for (auto _ : state) {
        clients.emplace_back(engine);
        benchmark::DoNotOptimize(clients.back().session.subscribe("channel:test"));
    }
}
BENCHMARK(connect_subscribe)->Name("router/connect_subscribe")->Iterations(1'000'000);

void publish_unread(benchmark::State& state) {
    Engine engine;
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto receivers = make_receivers(engine, "test", n);
    const PublicationPtr message = make_message(engine.clock);
    for (auto _ : state) benchmark::DoNotOptimize(engine.hub.publish(message));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(publish_unread)
    ->Name("router/publish")
    ->ArgName("receivers")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000);
BENCHMARK(publish_unread)
    ->Name("fanout")
    ->ArgName("receivers")
    ->RangeMultiplier(10)
    ->Range(10, 10'000);

void channel_publish(benchmark::State& state) {
    Engine engine;
    const auto receivers = make_receivers(engine, "test", 1);
    for (auto _ : state) {
        benchmark::DoNotOptimize(engine.hub.publish(make_message(engine.clock)));
    }
}
BENCHMARK(channel_publish)->Name("channel/publish");

void pubsub_latency(benchmark::State& state) {
    Engine engine;
    auto receivers = make_receivers(engine, "test", static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        (void)engine.hub.publish(make_message(engine.clock));
        for (Receiver& receiver : receivers) benchmark::DoNotOptimize(receiver.try_receive());
    }
}
BENCHMARK(pubsub_latency)->Name("pubsub_latency")->ArgName("receivers")->Arg(1)->Arg(10);

void message_creation_simple(benchmark::State& state) {
    const SystemClock clock;
    for (auto _ : state) benchmark::DoNotOptimize(make_message(clock));
}
BENCHMARK(message_creation_simple)->Name("message_creation/simple");

void message_creation_with_metadata(benchmark::State& state) {
    const SystemClock clock;
    for (auto _ : state) {
        const std::vector<std::byte> payload(kPayloadBytes);
        auto publication = std::make_shared<Publication>("test", payload);
        benchmark::DoNotOptimize(clock.now());
        publication->timestamp_ms = clock.unix_ms();
        publication->event = "message-event";
        publication->source = SessionId{{1, 2}};
        benchmark::DoNotOptimize(publication);
    }
}
BENCHMARK(message_creation_with_metadata)->Name("message_creation/with_metadata");

template <typename LookUp>
void subscription_lookup(benchmark::State& state, LookUp&& look_up) {
    Engine engine;
    std::vector<Receiver> receivers;
    char name[32];
    const auto format = [&name](std::size_t i) {
        const int n = std::snprintf(name, sizeof name, "channel:%zu", i);
        return std::string_view(name, static_cast<std::size_t>(n));
    };
    for (std::size_t i = 0; i < 1000; ++i) {
        for (int c = 0; c < 10; ++c) {
            receivers.push_back(std::move(*engine.hub.subscribe(format(i))));
        }
    }
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(look_up(engine.hub, format(i++ % 1000)));
}
BENCHMARK_CAPTURE(subscription_lookup, channel_exists,
                  [](const Hub& hub, std::string_view name) { return hub.channel_exists(name); });
BENCHMARK_CAPTURE(subscription_lookup, subscriber_count,
                  [](const Hub& hub, std::string_view name) { return hub.subscriber_count(name); });

// --------------------------------------------------------------- with delivery

void deliver_receivers(benchmark::State& state) {
    Engine engine;
    auto receivers = make_receivers(engine, "test", static_cast<std::size_t>(state.range(0)));
    const PublicationPtr message = make_message(engine.clock);
    std::uint64_t received = 0;
    for (auto _ : state) {
        (void)engine.hub.publish(message);
        for (Receiver& receiver : receivers) {
            const PublicationPtr* got = receiver.try_receive();
            received += (*got)->payload.size();
        }
    }
    if (received !=
        static_cast<std::uint64_t>(state.iterations() * state.range(0)) * kPayloadBytes) {
        state.SkipWithError("something was not received");
    }
    set_per_delivery(state, static_cast<double>(state.range(0)));
}
BENCHMARK(deliver_receivers)->Name("deliver/receivers")->Arg(1)->Arg(100)->Arg(1000)->Arg(10'000);

void deliver_receivers_copy(benchmark::State& state) {
    Engine engine;
    auto receivers = make_receivers(engine, "test", static_cast<std::size_t>(state.range(0)));
    const PublicationPtr message = make_message(engine.clock);
    std::vector<PublicationPtr> kept(receivers.size());
    for (auto _ : state) {
        (void)engine.hub.publish(message);
        for (std::size_t i = 0; i < receivers.size(); ++i) kept[i] = *receivers[i].try_receive();
    }
    set_per_delivery(state, static_cast<double>(state.range(0)));
}
BENCHMARK(deliver_receivers_copy)->Name("deliver/receivers_copy")->Arg(1000);

void deliver_outlets(benchmark::State& state, std::size_t burst) {
    Engine engine;
    std::deque<Client> clients;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        clients.emplace_back(engine);
        if (clients.back().session.subscribe("test")) state.SkipWithError("subscribe");
    }
    const PublicationPtr message = make_message(engine.clock);
    for (auto _ : state) {
        engine.lane.begin_turn();
        for (std::size_t i = 0; i < burst; ++i) (void)engine.hub.publish(message, &engine.lane);
        engine.lane.flush();
    }
    const auto expected = static_cast<std::uint64_t>(state.iterations()) * burst * kPayloadBytes;
    for (const Client& client : clients) {
        if (client.outlet.bytes != expected) state.SkipWithError("something was not delivered");
    }
    set_per_delivery(state, static_cast<double>(state.range(0)) * static_cast<double>(burst));
}
void deliver_outlets_single(benchmark::State& state) { deliver_outlets(state, 1); }
void deliver_outlets_burst(benchmark::State& state) { deliver_outlets(state, 64); }
BENCHMARK(deliver_outlets_single)
    ->Name("deliver/outlets")
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(10'000);
BENCHMARK(deliver_outlets_burst)->Name("deliver/outlets_burst")->Arg(1000);

void deliver_listeners(benchmark::State& state) {
    Engine engine;
    std::deque<Listener> listeners;
    std::uint64_t received = 0;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        listeners.emplace_back(
            engine.lane, SessionId::generate(engine.rng),
            [&received](const PublicationView& view) { received += view.payload.size(); });
        if (listeners.back().subscribe("test")) state.SkipWithError("subscribe");
    }
    const PublicationPtr message = make_message(engine.clock);
    for (auto _ : state) {
        engine.lane.begin_turn();
        (void)engine.hub.publish(message, &engine.lane);
        engine.lane.flush();
    }
    if (received !=
        static_cast<std::uint64_t>(state.iterations() * state.range(0)) * kPayloadBytes) {
        state.SkipWithError("something was not received");
    }
    set_per_delivery(state, static_cast<double>(state.range(0)));
}
BENCHMARK(deliver_listeners)->Name("deliver/listeners")->Arg(1)->Arg(100)->Arg(1000)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
