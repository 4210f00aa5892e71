// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A bridge on a clock that stands still until told to move, with an Open Cloud that answers as it
// is told and web clients that write down what they get.
#pragma once

#include "reassembler.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"
#include "support/payloads.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pulse/roblox/bridge.hpp>

namespace pulse::test {

class FakeCloud final : public roblox::PublishTransport {
  public:
    struct Sent {
        roblox::UniverseId universe;
        std::string real_topic;
        std::string text;
        std::string api_key;
        core::MonotonicTime at{};
    };

    explicit FakeCloud(const core::Clock& clock) : clock_(clock) {}

    void publish(const roblox::CloudPublish& publish, PublishDone done) override {
        sent.push_back({publish.universe, std::string(publish.real_topic),
                        std::string(publish.text), std::string(publish.api_key), clock_.now()});
        if (is_silent) {
            open.push_back(std::move(done));
            return;
        }
        roblox::CloudError answer{.http = 200};
        if (!script.empty()) {
            answer = script.front();
            script.pop_front();
        }
        answer.quota.is_throttled = answer.http == 429;
        done(answer);
    }
    void introspect(std::string_view api_key, IntrospectDone done) override {
        introspected.emplace_back(api_key);
        done(introspection);
    }
    /// Answers everything that is open.
    void answer_all(int status) {
        for (auto& done : std::exchange(open, {})) done({.http = status});
    }
    [[nodiscard]] std::size_t count(std::string_view real_topic) const {
        std::size_t count = 0;
        for (const Sent& one : sent) count += one.real_topic == real_topic ? 1U : 0U;
        return count;
    }

    std::vector<Sent> sent;
    std::deque<roblox::CloudError> script;  ///< answers to come; 200 when it is empty
    bool is_silent = false;
    std::vector<PublishDone> open;
    std::vector<std::string> introspected;
    roblox::IntrospectAnswer introspection{};

  private:
    const core::Clock& clock_;
};

class FakeWeb final : public roblox::WebFanout {
  public:
    struct Got {
        roblox::UniverseId universe;
        std::string topic;
        std::string message;
        std::string sender;
        std::uint64_t seq = 0;
    };
    void deliver(const roblox::WebMessage& message) override {
        got.push_back({message.universe, std::string(message.topic), std::string(message.message),
                       std::string(message.sender), message.seq});
    }
    std::vector<Got> got;
};

class FakeObserver final : public roblox::BridgeObserver {
  public:
    void key_reported(roblox::UniverseId, const roblox::KeyReport& report) override {
        reports.push_back(report);
    }
    void key_used(roblox::UniverseId, std::uint64_t) override { ++uses; }
    std::vector<roblox::KeyReport> reports;
    std::size_t uses = 0;
};

inline constexpr roblox::UniverseId kGame{2'745'313'133};

class BridgeFixture {
  public:
    explicit BridgeFixture(roblox::BridgeOptions options = {}, roblox::Mode mode = roblox::Mode::v1)
        : budget(roblox::make_rate_governor({}, rng)),
          bridge(std::make_unique<roblox::Bridge>(std::move(options),
                                                  roblox::BridgeParts{.clock = clock,
                                                                      .rng = rng,
                                                                      .transport = cloud,
                                                                      .web = web,
                                                                      .budget = *budget,
                                                                      .observer = &observer})) {
        add(kGame, mode);
    }

    void add(roblox::UniverseId universe, roblox::Mode mode = roblox::Mode::v1,
             std::string_view key = "secret-key-1", std::uint64_t version = 1) {
        (void)bridge->set_universe(
            universe,
            {.mode = mode, .key = roblox::Secret(key), .key_version = version, .key_owner = 7});
    }
    /// Time passes, and the bridge is called whenever it is due.
    void run_for(std::chrono::nanoseconds time) {
        const core::MonotonicTime end = clock.now() + time;
        bridge->tick();
        while (true) {
            const auto due = bridge->next_due();
            if (!due || *due > end) break;
            if (*due > clock.now()) clock.advance(*due - clock.now());
            bridge->tick();
            ++ticks;
        }
        clock.advance(end - clock.now());
    }

    /// Publishes, and writes down how it ends.
    void publish_to(roblox::UniverseId universe, roblox::OutgoingMessage message) {
        const std::size_t index = results.size();
        results.emplace_back();
        bridge->publish(universe, std::move(message),
                        [this, index](const roblox::PublishResult& result) {
                            REQUIRE_FALSE(results[index].has_value());
                            results[index] = result;
                        });
    }
    void publish(roblox::OutgoingMessage message) { publish_to(kGame, std::move(message)); }
    void publish(std::string topic, std::string message, roblox::Target target = {}) {
        publish_to(kGame,
                   {.topic = std::move(topic), .message = std::move(message), .target = target});
    }
    [[nodiscard]] std::size_t count(roblox::Outcome outcome) const {
        std::size_t count = 0;
        for (const auto& result : results) {
            count += result && result->outcome == outcome ? 1U : 0U;
        }
        return count;
    }

    roblox::HelloReply hello(std::string server, roblox::ServerTransport transport =
                                                     roblox::ServerTransport::messaging) {
        roblox::ServerHello hello{.server = std::move(server)};
        hello.speaks_v1 = true;
        hello.has_http = true;
        hello.transport = transport;
        return bridge->hello(kGame, hello).value();
    }
    /// The replies of polls, in the order in which they came.
    roblox::PollId poll(std::string server, std::string cursor = {},
                        std::chrono::milliseconds wait = std::chrono::seconds(20)) {
        return bridge->poll(
            kGame, {.server = std::move(server), .cursor = std::move(cursor), .wait = wait},
            [this](roblox::PollReply reply) { polled.push_back(std::move(reply)); });
    }
    static roblox::UplinkBatch batch(std::string server, unsigned number,
                                     std::vector<roblox::Item> items) {
        roblox::UplinkBatch batch;
        batch.batch = server + "-" + std::to_string(number);
        batch.server = std::move(server);
        batch.messages = std::move(items);
        return batch;
    }
    /// All items that were published in frames, in order.
    [[nodiscard]] std::vector<roblox::Item> published() const {
        Unpacker unpacker;
        std::vector<roblox::Item> items;
        for (const FakeCloud::Sent& sent : cloud.sent) {
            if (roblox::is_frame(sent.text)) (void)unpacker.add(sent.text, clock.now(), items);
        }
        return items;
    }
    [[nodiscard]] roblox::UniverseStats stats() const { return *bridge->stats(kGame); }

    ManualClock clock;
    core::SeededRng rng{5};
    FakeCloud cloud{clock};
    FakeWeb web;
    FakeObserver observer;
    std::unique_ptr<roblox::PublishBudget> budget;
    std::vector<std::optional<roblox::PublishResult>> results;
    std::vector<roblox::PollReply> polled;
    std::size_t ticks = 0;
    std::unique_ptr<roblox::Bridge> bridge;
};

}  // namespace pulse::test
