// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   roblox-quota [SEED]
//
// How many messages go into one publish, and how many a minute through the documented quota: the
// real packer, dispatcher and governor on a virtual clock, flooded with messages as games send
// them, against an Open Cloud that enforces its limits over any 60 seconds. Ten game servers; each
// form of message for five virtual minutes, of which the last four count.
//
//   v0        the original's: one message, one publish, one real topic
//   bytes     frames, the limit counted in bytes
//   escaped   frames, the limit counted in bytes of JSON text (the default)
//   zstd      the same, compressed: every game server can read that
//
// one-topic: a single virtual topic, as the design's table was measured; topics-20: twenty of them,
// over three real ones.
#include "report.hpp"
#include "support/simulation.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace pulse;
using namespace std::chrono_literals;
using test::Payload;
using test::Simulation;

constexpr unsigned kServers = 10;
constexpr auto kWarmUp = 1min;
constexpr auto kMeasured = 4min;
/// Fills any frame from any of three queues, and leaves expiry nothing.
constexpr std::size_t kQueued = 6'000;

struct Encoding {
    std::string_view name;
    roblox::Forms forms;
    roblox::Counting counting;
    bool is_compressed;
};
constexpr roblox::Forms kV0{.v0 = true, .v1 = false};
constexpr roblox::Forms kV1{.v0 = false, .v1 = true};
constexpr Encoding kEncodings[] = {
    {"v0", kV0, roblox::Counting::escaped, false},
    {"bytes", kV1, roblox::Counting::bytes, false},
    {"escaped", kV1, roblox::Counting::escaped, false},
    {"zstd", kV1, roblox::Counting::escaped, true},
};

struct Kind {
    std::string_view name;
    Payload payload;
};
constexpr Kind kKinds[] = {{"chat", Payload::chat},
                           {"kill", Payload::kill},
                           {"position", Payload::position},
                           {"number", Payload::number}};

void measure(const Kind& kind, const Encoding& encoding, unsigned topics, std::uint64_t seed,
             bench::Report& report) {
    Simulation game({.servers = kServers,
                     .modelled_servers = 0,
                     .capabilities = {.zstd = encoding.is_compressed, .http = false},
                     .forms = encoding.forms,
                     .counting = encoding.counting,
                     .seed = seed});
    // All queues are kept full, however fast one of them drains.
    game.timeline().every(20ms, [&, next = 0U]() mutable {
        while (game.dispatcher().outbox().message_count() < kQueued) {
            const std::string topic = topics == 1 ? "topic" : "topic-" + std::to_string(next);
            next = (next + 1) % topics;
            if (!game.push(topic, {}, test::payload_text(kind.payload, game.dice()))) break;
        }
    });
    const test::Time begin = game.timeline().now();
    game.timeline().run_until(begin + kWarmUp);
    const auto publishes = game.publishes;
    const auto messages = game.messages_in_frames;
    game.timeline().run_until(begin + kWarmUp + kMeasured);
    const auto count = static_cast<double>(game.publishes - publishes);
    const auto sent = static_cast<double>(game.messages_in_frames - messages);
    constexpr double kMinutes = std::chrono::duration<double, std::ratio<60>>(kMeasured).count();
    const std::string name = std::string(kind.name) + '/' + std::string(encoding.name) +
                             (topics == 1 ? "/one-topic" : "/topics-20");
    report.add(name, {{"messages_per_publish", sent / count},
                      {"messages_per_minute", sent / kMinutes},
                      {"publishes_per_minute", count / kMinutes},
                      {"largest_publish", static_cast<double>(game.largest)},
                      {"too_long", static_cast<double>(game.too_long)},
                      {"refused_for_quota", static_cast<double>(game.refused_for_quota)}});
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    bench::Report report;
    for (const unsigned topics : {1U, 20U}) {
        for (const Kind& kind : kKinds) {
            for (const Encoding& encoding : kEncodings) {
                measure(kind, encoding, topics, seed, report);
            }
        }
    }
    report.print();
}
