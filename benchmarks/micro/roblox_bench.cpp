// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge's bytes, without sockets:
//
//   publish/<payload>/<plain|zstd>  filling one publish from a full queue; counter "messages" says
//                                   how many went into it, at the default budget (1,000 escaped)
//   uplink/batch:100                reading, checking for repeats and taking apart a batch of 100
//                                   messages from a game server
//   bridge_uplink/batch:100         the same through the whole bridge: routed to web clients (who
//                                   are not there), kept for those that come back, counted by topic
//   bridge_idle/universes:1000      one message a turn for one of a thousand universes, the others
//                                   idle, with a tick each
//   envelope                        checking and re-serialising one message of the original's
//   record                          opening one stored key
#include "../../tests/pulse_roblox/support/payloads.hpp"
#include "../../tests/support/manual_clock.hpp"
#include "answer_book.hpp"
#include "outbox.hpp"

#include <string>

#include <benchmark/benchmark.h>

#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/bridge_json.hpp>
#include <pulse/roblox/envelope.hpp>
#include <pulse/roblox/key_record.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace {

using namespace pulse;
using namespace pulse::roblox;

void publish(benchmark::State& state, test::Payload payload, bool zstd) {
    constexpr std::size_t kQueued = 9'000;
    core::SeededRng rng(1);
    MemorySequence sequence(rng);
    test::Dice dice(3);
    std::size_t messages = 0;
    std::size_t frames = 0;
    auto outbox = std::make_unique<Outbox>(OutboxOptions{}, sequence);
    const core::MonotonicTime now{std::chrono::hours(1)};
    for (auto _ : state) {
        if (outbox->message_count() < 2'000) {
            state.PauseTiming();
            outbox->set_capabilities({.zstd = zstd, .http = false});
            while (outbox->message_count() < kQueued) {
                (void)outbox->push({.topic = "topic", .message = test::payload_text(payload, dice)},
                                   {.v0 = false, .v1 = true}, now);
            }
            state.ResumeTiming();
        }
        bool is_first = true;
        outbox->pump(
            now, [&](const std::string&, Target::Kind) { return std::exchange(is_first, false); },
            [&](OutgoingFrame frame) {
                messages += frame.messages.size();
                ++frames;
            });
    }
    state.counters["messages"] = static_cast<double>(messages) / static_cast<double>(frames);
    state.SetItemsProcessed(static_cast<std::int64_t>(messages));
}

void uplink(benchmark::State& state) {
    test::Dice dice(3);
    std::string messages;
    for (int i = 0; i < 100; ++i) {
        if (i != 0) messages += ',';
        messages += "[\"topic-" + std::to_string(i % 10) + "\"," +
                    test::payload_text(test::Payload::kill, dice) + "]";
    }
    AnswerBook book;
    std::uint64_t number = 0;
    for (auto _ : state) {
        const std::string body = R"({"server":"job-1","batch":"job-1-)" + std::to_string(++number) +
                                 R"(","msgs":[)" + messages + "]}";
        const auto batch = parse_batch_body(body);
        if (book.begin(batch->batch, core::MonotonicTime{}).is_known) continue;
        std::size_t bytes = 0;
        for (const Item& item : batch->messages) {
            bytes += encode_for_web({.topic = item.topic, .message = item.message}).size();
        }
        benchmark::DoNotOptimize(bytes);
        book.answer(batch->batch, "{\"success\":true,\"accepted\":100}");
    }
    state.SetItemsProcessed(state.iterations() * 100);
}

struct NoCloud final : PublishTransport {
    void publish(const CloudPublish&, PublishDone done) override { done({.http = 200}); }
    void introspect(std::string_view, IntrospectDone done) override { done({}); }
};
struct CountingWeb final : WebFanout {
    void deliver(const WebMessage& message) override { bytes += message.message.size(); }
    std::size_t bytes = 0;
};

/// A bridge of some universes.
struct Embedded {
    explicit Embedded(std::uint64_t universes) {
        for (std::uint64_t i = 1; i <= universes; ++i) {
            (void)bridge.set_universe(
                {i}, {.mode = Mode::v1, .key = Secret("key"), .key_version = 1, .key_owner = i});
        }
    }
    test::ManualClock clock;
    core::SeededRng rng{1};
    NoCloud cloud;
    CountingWeb web;
    std::unique_ptr<PublishBudget> budget = make_rate_governor({}, rng);
    Bridge bridge{{},
                  {.clock = clock, .rng = rng, .transport = cloud, .web = web, .budget = *budget}};
};

void bridge_uplink(benchmark::State& state) {
    test::Dice dice(3);
    std::string messages;
    for (int i = 0; i < 100; ++i) {
        if (i != 0) messages += ',';
        messages += "[\"topic-" + std::to_string(i % 10) + "\"," +
                    test::payload_text(test::Payload::kill, dice) + "]";
    }
    Embedded embedded(1);
    std::uint64_t number = 0;
    std::size_t accepted = 0;
    for (auto _ : state) {
        const std::string body = R"({"server":"job-1","batch":"job-1-)" + std::to_string(++number) +
                                 R"(","msgs":[)" + messages + "]}";
        auto batch = parse_batch_body(body);
        const auto reply = embedded.bridge.uplink({1}, std::move(*batch));
        accepted += reply->accepted;
        const std::string answer = encode(*reply);
        benchmark::DoNotOptimize(answer.size());
        embedded.clock.advance(std::chrono::milliseconds(1));  // 100,000 messages a second
    }
    if (accepted != static_cast<std::size_t>(state.iterations()) * 100) {
        state.SkipWithError("not all were accepted");
    }
    state.SetItemsProcessed(state.iterations() * 100);
}

void bridge_idle(benchmark::State& state) {
    Embedded embedded(1'000);
    for (auto _ : state) {
        embedded.bridge.publish({500}, {.topic = "t", .message = "1"}, {});
        embedded.clock.advance(std::chrono::milliseconds(30));
        embedded.bridge.tick();
    }
    state.SetItemsProcessed(state.iterations());
}

void envelope(benchmark::State& state) {
    constexpr std::string_view kBody =
        R"({"topic":"chat","message":{"user":"player1","text":"hello there"},"destination":"roblox"})";
    for (auto _ : state) {
        const auto parsed = parse_send_body(kBody, Checking::strict);
        benchmark::DoNotOptimize(parsed);
    }
    state.SetItemsProcessed(state.iterations());
}

void record(benchmark::State& state) {
    const auto vault = KeyVault::parse("k1:oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8");
    core::SeededRng rng(1);
    const std::string sealed = vault->seal({7}, "an-open-cloud-key", rng).value();
    for (auto _ : state) {
        const auto key = vault->open({7}, sealed);
        benchmark::DoNotOptimize(key);
    }
    state.SetItemsProcessed(state.iterations());
}

using test::Payload;
BENCHMARK_CAPTURE(publish, chat / plain, Payload::chat, false);
BENCHMARK_CAPTURE(publish, kill / plain, Payload::kill, false);
BENCHMARK_CAPTURE(publish, position / plain, Payload::position, false);
BENCHMARK_CAPTURE(publish, number / plain, Payload::number, false);
BENCHMARK_CAPTURE(publish, chat / zstd, Payload::chat, true);
BENCHMARK_CAPTURE(publish, kill / zstd, Payload::kill, true);
BENCHMARK_CAPTURE(publish, position / zstd, Payload::position, true);
BENCHMARK_CAPTURE(publish, number / zstd, Payload::number, true);
BENCHMARK(uplink)->Name("uplink/batch:100");
BENCHMARK(bridge_uplink)->Name("bridge_uplink/batch:100");
BENCHMARK(bridge_idle)->Name("bridge_idle/universes:1000");
BENCHMARK(envelope);
BENCHMARK(record);

}  // namespace

BENCHMARK_MAIN();
