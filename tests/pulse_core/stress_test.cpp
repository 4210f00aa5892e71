// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Four lanes in four threads, each turning as fast as it can while its clients subscribe,
// unsubscribe, publish, join, leave and disconnect at random. Run under ThreadSanitizer and
// AddressSanitizer it finds races and lifetimes; in every build it checks what clients are
// promised:
//
// - On the observed channels one client per lane, and one receiver, stay for the whole run. All of
//   them must have heard the same sequence: the channel's order.
// - Every other client writes a marker into its own stream when a subscribe or unsubscribe
// returned, as
//   a dialect's acknowledgement would. Between the markers it must have heard a gapless stretch of
//   the channel's order, in which its own thread's publications of that time are all present.
// - Fleeting channels have no lasting subscriber, so they come and go all the time. A client that
// is
//   subscribed must hear every publication of its own thread, once and in order.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/hub_fixture.hpp"
#include "support/lane_hosts.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/router.hpp>

using namespace pulse;
using namespace pulse::core;

namespace {

constexpr std::size_t kLanes = 4;
constexpr std::size_t kPeersPerLane = 6;
constexpr std::size_t kObserved = 3;
constexpr std::size_t kFleeting = 3;
constexpr int kTurns = 800;
constexpr int kStepsPerTurn = 8;

const test::TextEncoder kPlain;
const test::TextEncoder kOther("~");
const test::TextFraming kFraming;

std::string observed(std::size_t i) { return "observed" + std::to_string(i); }
std::string fleeting(std::size_t i) { return "fleeting" + std::to_string(i); }

/// Thread-safe ids: the tests' seeded generator is for one thread.
class LockedRng final : public Rng {
  public:
    void fill(std::span<std::byte> out) noexcept override {
        const std::lock_guard lock(mutex_);
        rng_.fill(out);
    }

  private:
    std::mutex mutex_;
    SeededRng rng_{42};
};

/// One entry of a client's stream: a publication's payload, or a marker.
struct Entry {
    enum class Kind { publication, subscribed, unsubscribed };
    Kind kind;
    std::string channel;
    std::string payload;
};

/// Reads back what TextEncoder wrote, with or without framing and prefix.
std::vector<Entry> parse(const std::string& written) {
    std::vector<Entry> entries;
    for (std::size_t at = 0; at < written.size();) {
        const std::size_t end = written.find(';', at);
        REQUIRE(end != std::string::npos);
        std::string text = written.substr(at, end - at);
        at = end + 1;
        if (const std::size_t header = text.find(':'); header != std::string::npos) {
            text = text.substr(header + 1);
            REQUIRE(written[at] == '|');
            ++at;
        }
        if (text[0] == '~') text = text.substr(1);
        if (text[0] == '<' || text[0] == '>') {
            entries.push_back({text[0] == '>' ? Entry::Kind::subscribed : Entry::Kind::unsubscribed,
                               text.substr(1),
                               {}});
        } else if (const std::size_t mark = text.find('='); mark != std::string::npos) {
            entries.push_back(
                {Entry::Kind::publication, text.substr(0, mark), text.substr(mark + 1)});
        }  // else presence
    }
    return entries;
}

/// A client, with a journal of what its own thread published while it was subscribed.
class Client {
  public:
    Client(Lane& lane, std::uint64_t number)
        : peer_(lane, number, number % 3 == 0 ? kOther : kPlain,
                number % 2 == 0 ? no_framing() : static_cast<const Framing&>(kFraming)) {}

    [[nodiscard]] bool is_subscribed(const std::string& channel) const {
        return peer_.session.is_subscribed(channel);
    }
    void toggle(const std::string& channel) {
        const bool was = is_subscribed(channel);
        const auto error =
            was ? peer_.session.unsubscribe(channel) : peer_.session.subscribe(channel);
        if (error) return;
        mark(was ? '<' : '>', channel);
        if (!was) own_[channel].emplace_back();
    }
    void leave_all() {
        for (const std::string& channel : peer_.session.channels()) toggle(channel);
    }
    /// The client's thread published `payload` in `channel`.
    void note(const std::string& channel, const std::string& payload) {
        if (is_subscribed(channel)) own_[channel].back().push_back(payload);
    }
    [[nodiscard]] test::RecordingOutlet& outlet() { return peer_.outlet; }
    [[nodiscard]] Session& session() { return peer_.session; }

    /// What was heard in each stay in the channel, beside what the own thread published in it.
    struct Stay {
        std::vector<std::string> heard;
        std::vector<std::string> own;
    };
    [[nodiscard]] std::map<std::string, std::vector<Stay>> stays() const {
        std::map<std::string, std::vector<Stay>> out;
        std::set<std::string> inside;
        for (Entry& entry : parse(peer_.outlet.written())) {
            auto& list = out[entry.channel];
            switch (entry.kind) {
                case Entry::Kind::subscribed:
                    REQUIRE(inside.insert(entry.channel).second);
                    list.push_back({{}, own_.at(entry.channel)[list.size()]});
                    break;
                case Entry::Kind::unsubscribed:
                    REQUIRE(inside.erase(entry.channel) == 1);
                    break;
                case Entry::Kind::publication:
                    // Nothing before the acknowledgement of a subscribe or after that of its end.
                    REQUIRE(inside.contains(entry.channel));
                    list.back().heard.push_back(std::move(entry.payload));
                    break;
            }
        }
        return out;
    }

  private:
    void mark(char kind, const std::string& channel) {
        std::string text(1, kind);
        text += channel + ";";
        peer_.outlet.send(protocol::as_bytes(text));
    }

    test::Peer peer_;
    std::map<std::string, std::deque<std::vector<std::string>>> own_;
};

/// One lane's thread.
class Worker {
  public:
    Worker(Hub& hub, std::size_t index) : hub_(hub), index_(index), random_(index + 1) {
        for (std::size_t i = 0; i < kPeersPerLane; ++i) clients_.push_back(make_client());
    }

    void run() {
        Lane& lane = *hub_.lanes()[index_];
        for (int turn = 0; turn < kTurns; ++turn) {
            lane.begin_turn();
            for (int i = 0; i < kStepsPerTurn; ++i) step();
            lane.flush();
        }
        for (auto& client : clients_) {
            client->outlet().set_write_size(test::RecordingOutlet::kUnlimited);
            client->outlet().drain();
        }
    }
    void finish() {
        for (auto& client : clients_) {
            client->leave_all();
            gone_.push_back(std::move(client));
        }
        clients_.clear();
        hub_.lanes()[index_]->flush();
    }
    [[nodiscard]] const std::vector<std::unique_ptr<Client>>& all() const { return gone_; }
    [[nodiscard]] const std::vector<std::string>& published(const std::string& channel) {
        return published_[channel];
    }
    [[nodiscard]] std::size_t visits() const { return visits_.load(); }

  private:
    std::unique_ptr<Client> make_client() {
        return std::make_unique<Client>(*hub_.lanes()[index_], index_ * 1'000'000 + next_client_++);
    }
    std::string any_channel() {
        const std::size_t i = random_() % (kObserved + kFleeting);
        return i < kObserved ? observed(i) : fleeting(i - kObserved);
    }

    void step() {
        Client& client = *clients_[random_() % clients_.size()];
        const std::uint64_t dice = random_() % 100;
        if (dice < 40) {
            publish(client, any_channel());
        } else if (dice < 75) {
            client.toggle(any_channel());
        } else if (dice < 80) {
            replace(random_() % clients_.size());
        } else if (dice < 86) {
            // A socket that is full for a while, and takes odd pieces.
            client.outlet().set_write_size(1 + random_() % 300);
            if (random_() % 2 == 0) {
                client.outlet().set_room(random_() % 500);
            } else {
                client.outlet().drain();
            }
        } else if (dice < 92) {
            presence(client, any_channel());
        } else if (dice < 96) {
            hub_.lanes()[random_() % kLanes]->post([this] { ++visits_; });
        } else {
            read_a_while(any_channel());
        }
    }

    void publish(Client& client, const std::string& channel) {
        const std::string payload =
            std::to_string(index_) + "." + std::to_string(published_[channel].size());
        // Before it is out: another lane may deliver it before this call returns.
        published_[channel].push_back(payload);
        PublicationView publication{channel};
        publication.payload = protocol::as_bytes(payload);
        bool is_published = false;
        switch (random_() % 3) {
            case 0:
                is_published = client.session().publish(publication).has_value();
                break;
            case 1:
                is_published = hub_.publish(publication).has_value();
                break;
            default:
                is_published =
                    hub_.publish(std::make_shared<const Publication>(publication)).has_value();
        }
        if (!is_published) std::abort();
        for (auto& each : clients_) each->note(channel, payload);
    }

    void replace(std::size_t i) {
        // Some say goodbye and are examined later, some just go with whatever is queued.
        if (random_() % 2 == 0) {
            clients_[i]->leave_all();
            clients_[i]->outlet().set_write_size(test::RecordingOutlet::kUnlimited);
            clients_[i]->outlet().drain();
            hub_.lanes()[index_]->flush();
            gone_.push_back(std::move(clients_[i]));
        }
        clients_[i] = make_client();
    }

    void presence(Client& client, const std::string& channel) {
        switch (random_() % 4) {
            case 0:
                (void)client.session().presence_join(channel, std::nullopt);
                break;
            case 1:
                (void)client.session().presence_update(channel, std::nullopt);
                break;
            case 2:
                (void)client.session().presence_leave(channel);
                break;
            default:
                (void)client.session().presence_members(channel);
        }
    }

    void read_a_while(const std::string& channel) {
        auto receiver = hub_.subscribe(channel);
        if (!receiver) return;
        const std::string payload =
            std::to_string(index_) + "." + std::to_string(published_[channel].size());
        publish(*clients_[0], channel);
        bool is_found = false;
        while (const PublicationPtr* got = receiver->try_receive()) {
            is_found |= protocol::as_text((*got)->payload) == payload;
        }
        if (!is_found) std::abort();
        (void)hub_.stats();
        (void)hub_.channel_names(10);
    }

    Hub& hub_;
    std::size_t index_;
    std::mt19937_64 random_;
    std::uint64_t next_client_ = 1;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Client>> gone_;
    std::map<std::string, std::vector<std::string>> published_;
    std::atomic<std::size_t> visits_{0};
};

/// Whether `part` is a gapless stretch of the order, and holds all of `own`.
void check_stretch(const std::map<std::string, std::size_t>& places, const Client::Stay& stay) {
    std::optional<std::size_t> last;
    std::size_t next_own = 0;
    for (const std::string& payload : stay.heard) {
        const auto place = places.find(payload);
        REQUIRE(place != places.end());
        if (last) REQUIRE(place->second == *last + 1);
        last = place->second;
        if (next_own < stay.own.size() && payload == stay.own[next_own]) ++next_own;
    }
    REQUIRE(next_own == stay.own.size());
}

/// Whether all of `own` was heard, once and in order, and nothing twice.
void check_own(const Client::Stay& stay) {
    std::set<std::string> seen;
    std::size_t next_own = 0;
    for (const std::string& payload : stay.heard) {
        REQUIRE(seen.insert(payload).second);
        if (next_own < stay.own.size() && payload == stay.own[next_own]) ++next_own;
    }
    REQUIRE(next_own == stay.own.size());
}

}  // namespace

TEST_CASE("lanes in several threads keep one order per channel, lose nothing, repeat nothing",
          "[core][stress]") {
    SystemClock clock;
    LockedRng rng;
    NullLog log;
    MemoryBudget budget;
    Hub hub({.receiver_capacity = 1'000'000},
            {.clock = clock, .rng = rng, .log = log, .budget = &budget});
    std::vector<std::unique_ptr<test::FakeHost>> hosts;
    for (std::size_t i = 0; i < kLanes; ++i) {
        hosts.push_back(std::make_unique<test::FakeHost>());
        hub.add_lane(*hosts.back());
    }
    {
        // The observers: on every lane in every observed channel, and a receiver each.
        std::vector<std::unique_ptr<test::Peer>> observers;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            for (std::size_t i = 0; i < kObserved; ++i) {
                observers.push_back(std::make_unique<test::Peer>(*hub.lanes()[lane], lane, kPlain));
                REQUIRE_FALSE(observers.back()->session.subscribe(observed(i)));
            }
        }
        std::vector<Receiver> receivers;
        for (std::size_t i = 0; i < kObserved; ++i) {
            receivers.push_back(std::move(*hub.subscribe(observed(i))));
        }

        std::vector<std::unique_ptr<Worker>> workers;
        for (std::size_t i = 0; i < kLanes; ++i) {
            workers.push_back(std::make_unique<Worker>(hub, i));
        }
        std::vector<std::thread> threads;
        for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
        for (std::thread& thread : threads) thread.join();
        for (auto& worker : workers) worker->finish();
        for (const auto& lane : hub.lanes()) lane->flush();

        for (std::size_t i = 0; i < kObserved; ++i) {
            std::vector<std::string> order;
            while (const PublicationPtr* got = receivers[i].try_receive()) {
                order.emplace_back(protocol::as_text((*got)->payload));
            }
            CHECK(receivers[i].take_lagged() == 0);
            std::size_t published = 0;
            std::map<std::string, std::size_t> places;
            for (std::size_t at = 0; at < order.size(); ++at) {
                REQUIRE(places.emplace(order[at], at).second);
            }
            for (auto& worker : workers) {
                // All of it, in the order of its thread.
                std::optional<std::size_t> last;
                for (const std::string& payload : worker->published(observed(i))) {
                    REQUIRE(places.contains(payload));
                    if (last) REQUIRE(places[payload] > *last);
                    last = places[payload];
                    ++published;
                }
            }
            CHECK(published == order.size());
            CHECK(published > 100);
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                std::vector<std::string> heard;
                for (Entry& entry : parse(observers[lane * kObserved + i]->outlet.written())) {
                    heard.push_back(std::move(entry.payload));
                }
                CHECK((heard == order));
            }
            std::size_t stays = 0;
            for (auto& worker : workers) {
                for (const auto& client : worker->all()) {
                    for (const auto& [channel, list] : client->stays()) {
                        if (channel != observed(i)) continue;
                        for (const Client::Stay& stay : list) check_stretch(places, stay);
                        stays += list.size();
                    }
                }
            }
            CHECK(stays > 100);
        }
        for (auto& worker : workers) {
            for (const auto& client : worker->all()) {
                for (const auto& [channel, list] : client->stays()) {
                    if (!channel.starts_with("fleeting")) continue;
                    for (const Client::Stay& stay : list) check_own(stay);
                }
            }
        }
    }
    CHECK(hub.stats().subscriptions == 0);
    CHECK(hub.stats().channels == 0);
    CHECK(hub.stats().subscribed_sessions == 0);
    for (const auto& lane : hub.lanes()) {
        lane->flush();
        CHECK(lane->stats().backlog_bytes.get() == 0);
        CHECK(lane->stats().backlog_outlets.get() == 0);
        lane->pool().clear();
    }
    CHECK(budget.used() == 0);
}

TEST_CASE("real loops deliver everything that other threads publish", "[core][stress]") {
    SystemClock clock;
    LockedRng rng;
    NullLog log;
    Hub hub({}, {.clock = clock, .rng = rng, .log = log});
    std::vector<std::unique_ptr<test::LoopThread>> loops;
    for (std::size_t i = 0; i < 2; ++i) {
        loops.push_back(std::make_unique<test::LoopThread>());
        loops.back()->start(hub.add_lane(*loops.back()));
    }
    std::vector<std::unique_ptr<test::Peer>> peers(8);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const std::size_t at = i % loops.size();
        loops[at]->run_and_wait([&, i] {
            peers[i] = std::make_unique<test::Peer>(*hub.lanes()[at], i, kPlain);
            if (peers[i]->session.subscribe("news")) std::abort();
        });
    }
    constexpr int kEach = 2000;
    std::vector<std::thread> publishers;
    for (int p = 0; p < 2; ++p) {
        publishers.emplace_back([&, p] {
            for (int i = 0; i < kEach; ++i) {
                const std::string payload = std::to_string(p) + "." + std::to_string(i);
                PublicationView publication{"news"};
                publication.payload = protocol::as_bytes(payload);
                if (!hub.publish(publication)) std::abort();
            }
        });
    }
    for (std::thread& publisher : publishers) publisher.join();
    // Watched from outside: posting anything would wake the loops and hide a wake-up that got lost.
    const std::size_t per_lane = 2 * kEach * peers.size() / loops.size();
    for (const auto& lane : hub.lanes()) {
        CHECK(test::eventually([&] { return lane->stats().deliveries.get() >= per_lane; }));
        CHECK(lane->stats().deliveries.get() == per_lane);
    }
    std::vector<std::string> written(peers.size());
    for (std::size_t i = 0; i < peers.size(); ++i) {
        loops[i % loops.size()]->run_and_wait([&, i] { written[i] = peers[i]->outlet.written(); });
    }
    CHECK(parse(written[0]).size() == 2 * kEach);
    for (const std::string& text : written) CHECK((text == written[0]));
    for (std::size_t i = 0; i < peers.size(); ++i) {
        loops[i % loops.size()]->run_and_wait([&, i] { peers[i].reset(); });
    }
    for (auto& loop : loops) loop->stop();
}

TEST_CASE("subscribing while the last one leaves never loses the channel", "[core][stress]") {
    // The moment between "the channel is empty" and "the channel is removed" must not exist.
    SystemClock clock;
    LockedRng rng;
    NullLog log;
    Hub hub({}, {.clock = clock, .rng = rng, .log = log});
    test::FakeHost host;
    hub.add_lane(host);
    hub.add_lane(host);
    std::atomic<int> lost{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            Lane& lane = *hub.lanes()[t];
            test::Peer peer(lane, t, kPlain);
            for (int i = 0; i < 5000; ++i) {
                if (peer.session.subscribe("contended")) ++lost;
                PublicationView publication{"contended"};
                const std::string payload = std::to_string(t) + "." + std::to_string(i);
                publication.payload = protocol::as_bytes(payload);
                const auto reached = hub.publish(publication, &lane);
                if (!reached || *reached == 0) ++lost;
                if (peer.session.unsubscribe("contended")) ++lost;
                lane.flush();
                if (peer.outlet.take().find("=" + payload + ";") == std::string::npos) ++lost;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(lost == 0);
    CHECK(hub.stats().channels == 0);
}

TEST_CASE("receivers and routers come and go beside publishers", "[core][stress]") {
    SystemClock clock;
    LockedRng rng;
    NullLog log;
    Hub hub({}, {.clock = clock, .rng = rng, .log = log});
    Router router(hub);
    std::atomic<bool> is_stopping{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int p = 0; p < 2; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; !is_stopping; ++i) {
                const std::string payload = std::to_string(p) + "." + std::to_string(i);
                (void)router.publish_to("news", protocol::as_bytes(payload));
            }
        });
    }
    for (int r = 0; r < 2; ++r) {
        threads.emplace_back([&, r] {
            const std::string name = "reader" + std::to_string(r);
            for (int round = 0; round < 100; ++round) {
                auto receiver = router.subscribe(name, "news");
                if (!receiver) {
                    ++wrong;
                    continue;
                }
                std::map<char, int> last;
                for (int i = 0; i < 50; ++i) {
                    const PublicationPtr got = receiver->receive(std::chrono::minutes(1));
                    if (got == nullptr) {
                        ++wrong;
                        break;
                    }
                    const auto text = protocol::as_text(got->payload);
                    const int number = std::stoi(std::string(text.substr(2)));
                    const auto before = last.find(text[0]);
                    if (before != last.end() && number <= before->second) ++wrong;
                    last[text[0]] = number;
                }
                if (round % 2 == 0) {
                    if (router.unsubscribe(name, "news")) ++wrong;
                    while (receiver->try_receive() != nullptr) {
                    }
                    if (!receiver->is_ended()) ++wrong;
                } else {
                    router.unsubscribe_all(name);
                }
            }
        });
    }
    threads[2].join();
    threads[3].join();
    is_stopping = true;
    threads[0].join();
    threads[1].join();
    CHECK(wrong == 0);
    CHECK(hub.stats().channels == 0);
}
