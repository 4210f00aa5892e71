// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Open Cloud, MessagingService and the game servers behind them on a virtual clock, with Roblox's
// documented quotas enforced, and losing, repeating, delaying and reordering what it delivers.
#pragma once

#include "dispatcher.hpp"
#include "frame_tracker.hpp"
#include "rate_governor.hpp"
#include "support/payloads.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

namespace pulse::test {

using Time = core::MonotonicTime;

/// What is to happen, in order of time.
class Timeline {
  public:
    [[nodiscard]] Time now() const noexcept { return now_; }
    void after(std::chrono::nanoseconds delay, std::function<void()> what) {
        events_.push({now_ + delay, ++count_, std::move(what)});
    }
    void every(std::chrono::nanoseconds period, std::function<void()> what) {
        after(period, [this, period, what = std::move(what)] {
            what();
            every(period, what);
        });
    }
    void run_until(Time end) {
        while (!events_.empty() && events_.top().at <= end) {
            now_ = events_.top().at;
            const auto what = std::move(const_cast<Event&>(events_.top()).what);
            events_.pop();
            what();
        }
        now_ = end;
    }

  private:
    struct Event {
        Time at;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    std::priority_queue<Event> events_;
    Time now_{std::chrono::hours(1)};
    std::uint64_t count_ = 0;
};

/// A limit over any 60 seconds, as strict as it can be read.
class SlidingQuota {
  public:
    /// Counts it in any case; false when it is above the limit.
    bool take(Time now, double cost, double limit) {
        while (!uses_.empty() && uses_.front().first + std::chrono::seconds(60) <= now) {
            used_ -= uses_.front().second;
            uses_.pop_front();
        }
        if (used_ + cost > limit) return false;
        uses_.push_back({now, cost});
        used_ += cost;
        return true;
    }

  private:
    std::deque<std::pair<Time, double>> uses_;
    double used_ = 0;
};

struct SimulationOptions {
    unsigned servers = 10;
    unsigned modelled_servers = 40;  ///< of those, how many keep books of what they got
    double loss = 0;
    double duplicates = 0;
    bool has_http = true;
    double answer_lost = 0;  ///< published, but we never hear of it
    double fails = 0;        ///< 503, not published
    roblox::Capabilities capabilities{};
    roblox::Forms forms{.v0 = false, .v1 = true};
    roblox::Counting counting = roblox::Counting::escaped;  ///< how Open Cloud reads its limit
    std::uint64_t seed = 1;
};

class Simulation {
  public:
    explicit Simulation(SimulationOptions options)
        : options_(options),
          dice_(options.seed),
          sequence_(dice_.rng()),
          governor_({}, dice_.rng()),
          dispatcher_(
              kUniverse, "owner-1",
              roblox::DispatcherOptions{
                  .outbox = {.counting = options.counting, .default_ttl = std::chrono::minutes(5)}},
              sequence_, governor_, dice_.rng(),
              [this](std::uint64_t id, const roblox::OutgoingFrame& frame) { send(id, frame); },
              [this](roblox::MessageId id, const roblox::Dispatcher::Ending& ending) {
                  done(id, ending.outcome);
              }) {
        set_servers(options.servers);
        dispatcher_.outbox().set_capabilities(options.capabilities);
        using namespace std::chrono_literals;
        timeline_.every(20ms, [this] { dispatcher_.pump(timeline_.now()); });
        timeline_.every(1s, [this] { dispatcher_.outbox().expire(timeline_.now()); });
        timeline_.every(60s, [this] { governor_.tidy(timeline_.now()); });
    }

    void set_servers(unsigned servers) {
        options_.servers = servers;
        servers_changed_at_ = timeline_.now();
        governor_.set_servers(kUniverse, servers);
        while (receivers_.size() < std::min(servers, options_.modelled_servers)) {
            receivers_.push_back(std::make_unique<Receiver>());
            start_receiver(*receivers_.back(), receivers_.size() - 1);
        }
    }

    /// Publishes message number n; false when the queue is full. Modelled servers keep their books
    /// by the number, so with them it is all that a message says.
    bool push(std::string topic, roblox::Target target = {}, std::string message = {}) {
        const std::uint64_t number = outcomes_.size();
        if (message.empty()) message = std::to_string(number);
        const auto id = dispatcher_.publish(
            {.topic = std::move(topic), .message = std::move(message), .target = target},
            options_.forms, timeline_.now());
        if (!id) return false;
        numbers_[*id] = number;
        outcomes_.push_back(-1);
        targets_.push_back(target.id);
        return true;
    }

    Timeline& timeline() { return timeline_; }
    roblox::Dispatcher& dispatcher() { return dispatcher_; }
    roblox::RateGovernor& governor() { return governor_; }
    Dice& dice() { return dice_; }

    static std::string server_name(std::size_t index) { return "job-" + std::to_string(index); }

    // What happened.
    std::uint64_t publishes = 0;
    std::uint64_t refused_for_quota = 0;
    std::uint64_t refused_under_way = 0;  ///< sent before the number of servers fell
    std::uint64_t too_long = 0;
    std::size_t largest = 0;  ///< publish, in the way the limit is counted
    std::uint64_t deliveries_lost = 0;
    std::uint64_t deliveries_repeated = 0;
    std::uint64_t messages_in_frames = 0;
    std::map<std::string, std::vector<std::uint64_t>> order_of_seqs;

    [[nodiscard]] std::size_t pushed() const { return outcomes_.size(); }
    [[nodiscard]] std::size_t count(roblox::Outcome outcome) const {
        return static_cast<std::size_t>(
            std::count(outcomes_.begin(), outcomes_.end(), static_cast<int>(outcome)));
    }
    [[nodiscard]] std::size_t open() const {
        return static_cast<std::size_t>(std::count(outcomes_.begin(), outcomes_.end(), -1));
    }

    struct Books {
        std::size_t missing = 0;             ///< accepted, not received
        std::size_t missing_unreported = 0;  ///< of those, in no gap that was noticed
        std::size_t repeated = 0;            ///< handed to the game twice
        std::size_t wrong_server = 0;
        std::size_t received = 0;
    };
    /// Over all modelled servers.
    [[nodiscard]] Books books() const {
        Books books;
        for (std::size_t i = 0; i < receivers_.size(); ++i) {
            const Receiver& receiver = *receivers_[i];
            for (std::size_t n = 0; n < outcomes_.size(); ++n) {
                const auto got = receiver.got.find(n);
                const unsigned times = got == receiver.got.end() ? 0 : got->second;
                const bool is_for_us = targets_[n].empty() || targets_[n] == server_name(i);
                if (!is_for_us) {
                    books.wrong_server += times;
                    continue;
                }
                books.received += times != 0 ? 1U : 0U;
                if (times > 1) books.repeated += times - 1;
                if (times == 0 && outcomes_[n] == static_cast<int>(roblox::Outcome::accepted)) {
                    ++books.missing;
                    if (!receiver.reported.contains(n)) ++books.missing_unreported;
                }
            }
        }
        return books;
    }
    [[nodiscard]] std::uint64_t repairs() const { return repairs_; }

  private:
    static constexpr roblox::UniverseId kUniverse{42};

    struct Receiver {
        roblox::FrameTracker tracker;
        Unpacker unpacker;
        std::map<std::size_t, unsigned> got;
        std::set<std::size_t> reported;
        bool is_asking = false;
    };

    /// The request arrives after a while, the answer comes back after another.
    void send(std::uint64_t id, const roblox::OutgoingFrame& frame) {
        const Time sent_at = timeline_.now();
        timeline_.after(milliseconds(30, 120), [this, id, frame, sent_at] {
            const int status = accept(frame, sent_at);
            if (status == 200 && dice_.chance(options_.answer_lost)) {
                timeline_.after(std::chrono::seconds(10), [this, id] { answer(id, 0); });
                return;
            }
            timeline_.after(milliseconds(30, 120), [this, id, status] { answer(id, status); });
        });
    }
    void answer(std::uint64_t id, int status) {
        roblox::CloudError answer{.http = status};
        answer.quota.is_throttled = status == 429;
        dispatcher_.on_answer(id, answer, timeline_.now());
    }

    int accept(const roblox::OutgoingFrame& frame, Time sent_at) {
        if (dice_.chance(options_.fails)) return 503;
        // From the strictest reading to the laxest.
        for (const auto counting :
             {roblox::Counting::escaped, roblox::Counting::bytes, roblox::Counting::chars}) {
            if (counting < options_.counting) continue;
            const std::size_t size = roblox::counted_size(frame.text, counting);
            largest = std::max(largest, size);
            if (size > roblox::kMaxPublishedSize) {
                ++too_long;
                return 400;
            }
        }
        const Time now = timeline_.now();
        const double servers = options_.servers;
        const double cost = frame.kind == roblox::Target::Kind::server ? 1 : servers;
        const bool is_granted = owner_quota_.take(now, 1, 5'000) &&
                                universe_quota_.take(now, cost, 400 + 200 * servers) &&
                                topic_quotas_[frame.real_topic].take(now, cost, 40 + 80 * servers);
        if (!is_granted) {
            // What was on its way when servers went could not know; that was sent up to and at that
            // moment, whose events come before it.
            ++(sent_at <= servers_changed_at_ ? refused_under_way : refused_for_quota);
            return 429;
        }
        ++publishes;
        messages_in_frames += frame.messages.size();
        order_of_seqs[frame.real_topic].push_back(frame.seq);
        for (std::size_t i = 0; i < receivers_.size() && i < options_.servers; ++i) {
            const bool is_for_us =
                frame.kind != roblox::Target::Kind::server ||
                frame.real_topic == roblox::target_topic("pulse", {frame.kind, server_name(i)});
            if (!is_for_us) continue;
            if (dice_.chance(options_.loss)) {
                ++deliveries_lost;
            } else {
                deliver(i, frame);
            }
            if (dice_.chance(options_.duplicates)) {
                ++deliveries_repeated;
                deliver(i, frame);
            }
        }
        return 200;
    }
    void deliver(std::size_t index, const roblox::OutgoingFrame& frame) {
        timeline_.after(milliseconds(1'000, 2'000),
                        [this, index, real_topic = frame.real_topic, text = frame.text] {
                            receive(*receivers_[index], real_topic, text);
                        });
    }
    void receive(Receiver& receiver, const std::string& real_topic, const std::string& text) {
        const auto frame = roblox::decode_frame(text);
        if (!frame) return;
        if (receiver.tracker.arrive(frame->epoch, real_topic, frame->seq, timeline_.now()) ==
            roblox::FrameTracker::Arrival::is_duplicate) {
            return;
        }
        std::vector<roblox::Item> items;
        (void)receiver.unpacker.add(text, timeline_.now(), items);
        for (const roblox::Item& item : items) {
            ++receiver.got[static_cast<std::size_t>(std::stoull(item.message))];
        }
    }

    /// Once a second a server looks for gaps; with each heartbeat it learns how far the numbers go.
    void start_receiver(Receiver& receiver, std::size_t index) {
        const auto learn_heads = [this, &receiver, index] {
            for (const auto& [real_topic, seq] : sequence_.heads()) {
                const bool is_ours = real_topic.find(".b") != std::string::npos ||
                                     real_topic == "pulse.s." + server_name(index);
                if (!is_ours) continue;
                receiver.tracker.expect(sequence_.epoch(), real_topic, seq, timeline_.now());
            }
        };
        // The hello answer says where the streams stand; those of topics yet to come begin at 1.
        for (const char* topic : {"pulse.b0", "pulse.b1", "pulse.b2"}) {
            const auto head = sequence_.heads().find(topic);
            receiver.tracker.expect(sequence_.epoch(), topic,
                                    head == sequence_.heads().end() ? 0 : head->second,
                                    timeline_.now());
        }
        receiver.tracker.expect(sequence_.epoch(), "pulse.s." + server_name(index), 0,
                                timeline_.now());
        if (options_.has_http) timeline_.every(std::chrono::seconds(30), learn_heads);
        timeline_.every(std::chrono::seconds(1), [this, &receiver] {
            const auto gaps = receiver.tracker.take_gaps(timeline_.now());
            if (gaps.empty()) return;
            if (options_.has_http) {
                timeline_.after(milliseconds(50, 300), [this, &receiver, gaps] {
                    for (const auto& gap : gaps) repair(receiver, gap);
                });
            } else {
                for (const auto& gap : gaps) report(receiver, gap);
            }
        });
    }
    void repair(Receiver& receiver, const roblox::FrameTracker::Gap& gap) {
        const auto found =
            dispatcher_.ring().find(gap.real_topic, gap.first, gap.last, timeline_.now());
        for (const std::string& text : found.frames) {
            ++repairs_;
            receive(receiver, gap.real_topic, text);
        }
        for (const std::uint64_t seq : found.void_seqs) {
            receiver.tracker.give_up(gap.epoch, gap.real_topic, seq, false);
        }
        for (const std::uint64_t seq : found.gone_seqs) {
            receiver.tracker.give_up(gap.epoch, gap.real_topic, seq, true);
        }
    }
    /// Without HTTP the game is told: notes which messages that covers.
    void report(Receiver& receiver, const roblox::FrameTracker::Gap& gap) {
        const auto found =
            dispatcher_.ring().find(gap.real_topic, gap.first, gap.last, timeline_.now());
        for (const std::string& text : found.frames) {
            const auto frame = roblox::decode_frame(text);
            const auto items = roblox::decode_items(*frame);
            if (!items) continue;
            for (const roblox::Item& item : *items) {
                receiver.reported.insert(static_cast<std::size_t>(std::stoull(item.message)));
            }
        }
        for (std::uint64_t seq = gap.first; seq <= gap.last; ++seq) {
            receiver.tracker.give_up(gap.epoch, gap.real_topic, seq, true);
        }
    }

    void done(roblox::MessageId id, roblox::Outcome outcome) {
        const auto found = numbers_.find(id);
        outcomes_[found->second] = static_cast<int>(outcome);
        numbers_.erase(found);
    }
    std::chrono::milliseconds milliseconds(std::uint64_t from, std::uint64_t to) {
        return std::chrono::milliseconds(from + dice_.below(to - from));
    }

    SimulationOptions options_;
    Dice dice_;
    Timeline timeline_;
    roblox::MemorySequence sequence_;
    roblox::RateGovernor governor_;
    roblox::Dispatcher dispatcher_;
    std::vector<std::unique_ptr<Receiver>> receivers_;
    std::map<roblox::MessageId, std::size_t> numbers_;
    std::vector<int> outcomes_;  // by number; -1 = open
    std::vector<std::string> targets_;
    SlidingQuota owner_quota_;
    SlidingQuota universe_quota_;
    std::map<std::string, SlidingQuota> topic_quotas_;
    std::uint64_t repairs_ = 0;
    Time servers_changed_at_{};
};

}  // namespace pulse::test
