// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A whole game in virtual time around a bridge: Open Cloud with its quotas enforced, a bus that
// loses, repeats and reorders, and game servers that say hello, ask for what they miss and, if they
// poll, come for their messages.
#pragma once

#include "support/simulation.hpp"

#include <pulse/roblox/bridge.hpp>

namespace pulse::test {

struct WorldOptions {
    double loss = 0;
    double duplicates = 0;
    double answer_lost = 0;  ///< published, but we never hear of it
    double fails = 0;        ///< 503, not published
    unsigned modelled_servers = 0;
    roblox::ServerTransport transport = roblox::ServerTransport::messaging;
    std::uint64_t seed = 1;
};

class World final : public roblox::PublishTransport, public roblox::WebFanout {
  public:
    static constexpr roblox::UniverseId kUniverse{42};

    explicit World(WorldOptions options)
        : options_(options),
          dice_(options.seed),
          clock_(timeline_),
          budget_(roblox::make_rate_governor({}, dice_.rng())),
          bridge_(std::make_unique<roblox::Bridge>(bridge_options(),
                                                   roblox::BridgeParts{.clock = clock_,
                                                                       .rng = dice_.rng(),
                                                                       .transport = *this,
                                                                       .web = *this,
                                                                       .budget = *budget_})) {
        bridge_->on_earlier([this](Time at) { arm(at); });
        (void)bridge_->set_universe(kUniverse, {.mode = roblox::Mode::v1,
                                                .key = roblox::Secret("key"),
                                                .key_version = 1,
                                                .key_owner = 1});
    }

    void set_servers(unsigned count) {
        servers_changed_at_ = timeline_.now();
        while (servers_.size() > count) {
            bridge_->bye(kUniverse, servers_.back()->name);
            servers_.back()->is_gone = true;
            servers_.pop_back();
        }
        while (servers_.size() < count) {
            auto server = std::make_shared<Server>();
            server->name = Simulation::server_name(servers_.size());
            server->is_modelled = servers_.size() < options_.modelled_servers;
            servers_.push_back(server);
            say_hello(server);
            if (server->is_modelled) look_for_gaps(server);
        }
    }
    bool push(std::string topic, roblox::Target target = {}) {
        const std::size_t number = outcomes_.size();
        outcomes_.push_back(-1);
        targets_.push_back(target.id);
        ++open_;
        bridge_->publish(
            kUniverse,
            {.topic = std::move(topic), .message = std::to_string(number), .target = target},
            [this, number](const roblox::PublishResult& result) {
                outcomes_[number] = static_cast<int>(result.outcome);
                --open_;
            });
        return outcomes_[number] != static_cast<int>(roblox::Outcome::queue_full);
    }
    /// Messages that are not over yet.
    [[nodiscard]] std::size_t open() const { return open_; }
    [[nodiscard]] std::size_t count(roblox::Outcome outcome) const {
        return static_cast<std::size_t>(
            std::count(outcomes_.begin(), outcomes_.end(), static_cast<int>(outcome)));
    }
    [[nodiscard]] std::size_t pushed() const { return outcomes_.size(); }
    Timeline& timeline() { return timeline_; }
    Dice& dice() { return dice_; }
    roblox::Bridge& bridge() { return *bridge_; }

    // What happened.
    std::uint64_t publishes = 0;
    std::uint64_t refused_for_quota = 0;
    std::uint64_t refused_under_way = 0;  ///< sent before the number of servers fell
    std::uint64_t lost = 0;
    std::uint64_t repaired = 0;

    struct Books {
        std::size_t received = 0;
        std::size_t missing = 0;  ///< accepted, not received
        std::size_t repeated = 0;
        std::size_t wrong_server = 0;
    };
    /// Over all modelled servers.
    [[nodiscard]] Books books() const {
        Books books;
        for (const auto& server : servers_) {
            if (!server->is_modelled) continue;
            for (std::size_t n = 0; n < outcomes_.size(); ++n) {
                const auto found = server->got.find(n);
                const unsigned times = found == server->got.end() ? 0 : found->second;
                if (!targets_[n].empty() && targets_[n] != server->name) {
                    books.wrong_server += times;
                } else if (times == 0) {
                    const auto accepted = static_cast<int>(roblox::Outcome::accepted);
                    books.missing += outcomes_[n] == accepted ? 1U : 0U;
                } else {
                    ++books.received;
                    books.repeated += times - 1;
                }
            }
        }
        return books;
    }

    void publish(const roblox::CloudPublish& publish, PublishDone done) override {
        const Time sent_at = timeline_.now();
        timeline_.after(milliseconds(30, 120), [this, real_topic = std::string(publish.real_topic),
                                                text = std::string(publish.text), done, sent_at] {
            const int status = accept(real_topic, text, sent_at);
            const bool is_lost = status == 200 && dice_.chance(options_.answer_lost);
            const auto back = is_lost ? std::chrono::milliseconds(10'000) : milliseconds(30, 120);
            timeline_.after(back, [done, status = is_lost ? 0 : status] {
                roblox::CloudError answer{.http = status};
                answer.quota.is_throttled = status == 429;
                done(answer);
            });
        });
    }
    void introspect(std::string_view, IntrospectDone done) override { done({}); }
    void deliver(const roblox::WebMessage&) override {}

  private:
    class TimelineClock final : public core::Clock {
      public:
        explicit TimelineClock(const Timeline& timeline) : timeline_(timeline) {}
        [[nodiscard]] core::MonotonicTime now() const noexcept override { return timeline_.now(); }
        [[nodiscard]] std::uint64_t unix_ms() const noexcept override {
            return static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch())
                    .count());
        }

      private:
        const Timeline& timeline_;
    };
    struct Server {
        std::string name;
        bool is_modelled = false;
        bool is_gone = false;
        roblox::FrameTracker tracker;
        Unpacker unpacker;
        std::map<std::size_t, unsigned> got;
        unsigned batches = 0;
        std::string cursor;
        bool is_polling = false;
    };
    using ServerPtr = std::shared_ptr<Server>;

    static roblox::BridgeOptions bridge_options() {
        roblox::BridgeOptions options;
        options.outbox.default_ttl = std::chrono::minutes(5);
        return options;
    }
    std::chrono::milliseconds milliseconds(std::uint64_t from, std::uint64_t to) {
        return std::chrono::milliseconds(from + dice_.below(to - from));
    }

    void arm(Time at) {
        if (armed_at_ && *armed_at_ <= at) return;
        armed_at_ = at;
        const auto delay = std::max(at - timeline_.now(), std::chrono::nanoseconds(0));
        timeline_.after(delay, [this, at] {
            if (armed_at_ != at) return;  // an earlier one came in between
            armed_at_.reset();
            bridge_->tick();
            if (const auto next = bridge_->next_due()) arm(*next);
        });
    }

    void say_hello(const ServerPtr& server) {
        if (server->is_gone) return;
        roblox::ServerHello hello{.server = server->name};
        hello.speaks_v1 = true;
        hello.has_http = true;
        hello.transport = options_.transport;
        const auto reply = bridge_->hello(kUniverse, hello);
        if (server->is_modelled) {
            for (const auto& head : reply->heads) {
                server->tracker.expect(reply->epoch, head.real_topic, head.seq, timeline_.now());
            }
            if (server->cursor.empty()) server->cursor = reply->cursor;
            // Something waits that no wake told of.
            if (reply->cursor != server->cursor) poll(server);
        }
        timeline_.after(std::chrono::seconds(30), [this, server] { say_hello(server); });
    }
    void look_for_gaps(const ServerPtr& server) {
        if (server->is_gone) return;
        const auto gaps = server->tracker.take_gaps(timeline_.now());
        if (!gaps.empty()) {
            roblox::UplinkBatch batch;
            batch.server = server->name;
            batch.batch = server->name + "-" + std::to_string(++server->batches);
            for (const auto& gap : gaps) {
                batch.missing.push_back({gap.epoch, gap.real_topic, gap.first, gap.last});
            }
            const auto reply = bridge_->uplink(kUniverse, std::move(batch));
            for (const auto& frame : reply->repaired) {
                ++repaired;
                receive(server, frame.real_topic, frame.text);
            }
            give_up(*server, reply->voided, false);
            give_up(*server, reply->gone, true);
        }
        timeline_.after(std::chrono::seconds(1), [this, server] { look_for_gaps(server); });
    }
    static void give_up(Server& server, const std::vector<roblox::MissingRange>& ranges,
                        bool is_lost) {
        for (const auto& range : ranges) {
            for (std::uint64_t seq = range.first; seq <= range.last; ++seq) {
                server.tracker.give_up(range.epoch, range.real_topic, seq, is_lost);
            }
        }
    }
    void poll(const ServerPtr& server) {
        if (server->is_polling || server->is_gone ||
            options_.transport == roblox::ServerTransport::messaging) {
            return;
        }
        server->is_polling = true;
        bridge_->poll(
            kUniverse,
            {.server = server->name, .cursor = server->cursor, .wait = std::chrono::seconds(10)},
            [this, server](const roblox::PollReply& reply) {
                // The answer travels, and so does the next request.
                timeline_.after(milliseconds(20, 200), [this, server, reply] {
                    server->is_polling = false;
                    server->cursor = reply.cursor;
                    for (const auto& message : reply.messages) {
                        ++server->got[static_cast<std::size_t>(std::stoull(message.message))];
                    }
                    if (!reply.messages.empty()) poll(server);
                });
            });
    }

    int accept(const std::string& real_topic, const std::string& text, Time sent_at) {
        if (dice_.chance(options_.fails)) return 503;
        if (roblox::counted_size(text, roblox::Counting::escaped) > roblox::kMaxPublishedSize) {
            return 400;
        }
        const Time now = timeline_.now();
        const auto servers = static_cast<double>(servers_.size());
        const bool is_targeted = real_topic.starts_with("pulse.s.");
        const double cost = is_targeted ? 1 : servers;
        const bool is_granted = owner_quota_.take(now, 1, 5'000) &&
                                universe_quota_.take(now, cost, 400 + 200 * servers) &&
                                topic_quotas_[real_topic].take(now, cost, 40 + 80 * servers);
        if (!is_granted) {
            ++(sent_at <= servers_changed_at_ ? refused_under_way : refused_for_quota);
            return 429;
        }
        ++publishes;
        for (const ServerPtr& server : servers_) {
            if (!server->is_modelled) break;  // the first ones are
            if (is_targeted && real_topic != "pulse.s." + server->name) continue;
            const unsigned copies = (dice_.chance(options_.loss) ? 0U : 1U) +
                                    (dice_.chance(options_.duplicates) ? 1U : 0U);
            if (copies == 0) ++lost;
            for (unsigned i = 0; i < copies; ++i) {
                timeline_.after(milliseconds(1'000, 2'000), [this, server, real_topic, text] {
                    receive(server, real_topic, text);
                });
            }
        }
        return 200;
    }
    void receive(const ServerPtr& server, const std::string& real_topic, const std::string& text) {
        const auto frame = roblox::decode_frame(text);
        if (!frame || server->is_gone) return;
        if (server->tracker.arrive(frame->epoch, real_topic, frame->seq, timeline_.now()) ==
            roblox::FrameTracker::Arrival::is_duplicate) {
            return;
        }
        if (frame->type == roblox::FrameType::wake) {
            poll(server);
            return;
        }
        std::vector<roblox::Item> items;
        if (!server->unpacker.add(text, timeline_.now(), items)) return;
        for (const roblox::Item& item : items) {
            ++server->got[static_cast<std::size_t>(std::stoull(item.message))];
        }
    }

    WorldOptions options_;
    Dice dice_;
    Timeline timeline_;
    TimelineClock clock_;
    std::unique_ptr<roblox::PublishBudget> budget_;
    std::vector<ServerPtr> servers_;
    std::vector<int> outcomes_;  // by number; -1 = open
    std::vector<std::string> targets_;
    std::size_t open_ = 0;
    SlidingQuota owner_quota_;
    SlidingQuota universe_quota_;
    std::map<std::string, SlidingQuota> topic_quotas_;
    Time servers_changed_at_{};
    std::optional<Time> armed_at_;
    std::unique_ptr<roblox::Bridge> bridge_;  // last: answers what is open
};

}  // namespace pulse::test
