// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The Roblox bridge's bytes, without sockets:
//
//   publish/<payload>/<plain|zstd>  filling one publish from a full queue; counter "messages" says
//                                   how many went into it, at the default budget (1,000 escaped)
//   uplink/batch:100                reading, checking for repeats and taking apart a batch of 100
//                                   messages from a game server
//   envelope                        checking and re-serialising one message of the original's
//   record                          opening one stored key
#include "../../tests/pulse_roblox/support/payloads.hpp"
#include "answer_book.hpp"
#include "outbox.hpp"
#include "uplink_body.hpp"

#include <string>

#include <benchmark/benchmark.h>

#include <pulse/roblox/envelope.hpp>
#include <pulse/roblox/key_record.hpp>

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
BENCHMARK(envelope);
BENCHMARK(record);

}  // namespace

BENCHMARK_MAIN();
