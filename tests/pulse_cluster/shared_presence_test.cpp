// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Members of all nodes, on a real Redis.
#include "shared_presence.hpp"

#include "cluster_fixture.hpp"
#include "contract/presence_store_contract.hpp"
#include "leave_times.hpp"
#include "presence_wire.hpp"
#include "support/unix_proxy.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <set>

#include <pulse/core/clock.hpp>
#include <pulse/core/memory.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using cluster::NodeMessageKind;
using core::PresenceAction;
using core::SessionId;
using test::eventually;

namespace {

/// Interested in everything it is told to be, and notes who comes and goes.
class Ear final : public core::BrokerListener {
  public:
    explicit Ear(std::shared_ptr<cluster::ClusterBroker> broker)
        : broker_(std::move(broker)), attachment_(broker_->attach(*this)) {}
    ~Ear() override { attachment_.reset(); }

    void listen(const std::string& channel, bool is_on = true) {
        {
            const std::lock_guard lock(mutex_);
            is_on ? (void)interest_.insert(channel) : (void)interest_.erase(channel);
        }
        broker_->interest_changed(channel);
        if (!is_on) return;
        std::promise<void> listening;
        broker_->when_listening(channel, [&listening] { listening.set_value(); });
        listening.get_future().wait();
    }
    [[nodiscard]] std::set<std::uint64_t> members(std::string_view channel) {
        std::set<std::uint64_t> out;
        for (const auto& state : presence().members(channel)) out.insert(state.session.words[0]);
        return out;
    }
    [[nodiscard]] std::vector<std::pair<PresenceAction, std::uint64_t>> events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    [[nodiscard]] core::PresenceStore& presence() { return *broker_->presence(); }
    [[nodiscard]] cluster::ClusterBroker& broker() { return *broker_; }

  private:
    void on_publication(const core::PublicationView&) noexcept override {}
    void on_presence(const core::PresenceEvent& event) noexcept override {
        const std::lock_guard lock(mutex_);
        events_.emplace_back(event.action, event.state.session.words[0]);
    }
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override {
        const std::lock_guard lock(mutex_);
        return interest_.contains(channel);
    }

    std::shared_ptr<cluster::ClusterBroker> broker_;
    mutable std::mutex mutex_;
    std::set<std::string, std::less<>> interest_;
    std::vector<std::pair<PresenceAction, std::uint64_t>> events_;
    core::Broker::Attachment attachment_;
};

using Ids = std::set<std::uint64_t>;
using Events = std::vector<std::pair<PresenceAction, std::uint64_t>>;

SessionId id(std::uint64_t n) { return SessionId{{n, 1}}; }
std::optional<core::PresenceData> data(const std::string& text) {
    const core::ByteView bytes = protocol::as_bytes(text);
    return core::PresenceData(bytes.begin(), bytes.end());
}

struct Trio {
    explicit Trio(std::chrono::milliseconds node_timeout = 600ms) {
        options.node_timeout = node_timeout;
        options.answer_timeout = 500ms;
    }
    std::unique_ptr<Ear> add(const std::string& url) {
        auto broker = nodes.add(url, options, &clock);
        REQUIRE(eventually([&] { return broker->is_healthy(); }));
        return std::make_unique<Ear>(std::move(broker));
    }
    core::SystemClock clock;
    test::RedisServer redis;
    test::UnixProxy proxy{redis.path()};
    test::RedisNodes nodes;
    cluster::BrokerOptions options;
};

}  // namespace

TEST_CASE("shared presence keeps the contract of a presence store", "[redis][contract][presence]") {
    const test::RedisServer redis;
    test::RedisNodes nodes;
    int n = 0;
    // The store lives as long as its broker.
    struct Held final : core::PresenceStore {
        std::shared_ptr<cluster::ClusterBroker> broker;
        core::PresenceStore* store = nullptr;
        core::Result<Joined> join(std::string_view c, const SessionId& s,
                                  std::optional<core::PresenceData> d) override {
            return store->join(c, s, std::move(d));
        }
        core::Result<core::PresenceState> update(std::string_view c, const SessionId& s,
                                                 std::optional<core::PresenceData> d) override {
            return store->update(c, s, std::move(d));
        }
        bool touch(std::string_view c, const SessionId& s) override { return store->touch(c, s); }
        std::optional<core::PresenceState> leave(std::string_view c, const SessionId& s) override {
            return store->leave(c, s);
        }
        std::optional<core::PresenceState> get(std::string_view c,
                                               const SessionId& s) const override {
            return store->get(c, s);
        }
        std::vector<core::PresenceState> members(std::string_view c) const override {
            return store->members(c);
        }
        std::size_t count(std::string_view c) const override { return store->count(c); }
        std::vector<Pruned> prune_stale(std::chrono::milliseconds idle) override {
            return store->prune_stale(idle);
        }
        void forget(std::string_view c) override { store->forget(c); }
    };
    contract::presence_store_contract([&](const core::Clock& clock) {
        cluster::BrokerOptions options;
        options.prefix = "presence" + std::to_string(++n) + ":";
        auto held = std::make_unique<Held>();
        held->broker = nodes.add(redis.url(), options, &clock);
        held->store = held->broker->presence();
        return held;
    });
}

TEST_CASE("members of one node are seen on the others, with their data", "[redis][presence]") {
    Trio trio;
    const auto one = trio.add(trio.redis.url());
    const auto two = trio.add(trio.redis.url());
    one->listen("room");
    two->listen("room");
    REQUIRE(one->presence().join("room", id(1), data("a")));
    CHECK(eventually([&] { return two->members("room") == Ids{1}; }));
    CHECK(two->presence().get("room", id(1)) == one->presence().get("room", id(1)));
    CHECK(two->presence().count("room") == 1);
    REQUIRE(two->presence().join("room", id(2), std::nullopt));
    CHECK(eventually([&] { return one->members("room") == Ids{1, 2}; }));
    REQUIRE(one->presence().update("room", id(1), data("b")));
    CHECK(eventually([&] { return two->presence().get("room", id(1))->data == data("b"); }));
    REQUIRE(one->presence().leave("room", id(1)));
    CHECK(eventually([&] { return two->members("room") == Ids{2}; }));
    const Events of_one{
        {PresenceAction::join, 1}, {PresenceAction::update, 1}, {PresenceAction::leave, 1}};
    CHECK(eventually([&] { return two->events() == of_one; }));
    CHECK(eventually([&] { return one->events() == Events{{PresenceAction::join, 2}}; }));
    // Nobody but its own node may change a member.
    CHECK_FALSE(one->presence().leave("room", id(2)));
    CHECK_FALSE(one->presence().touch("room", id(2)));
}

TEST_CASE("who begins to listen finds the list whole", "[redis][presence]") {
    Trio trio;
    const auto one = trio.add(trio.redis.url());
    const auto two = trio.add(trio.redis.url());
    const auto three = trio.add(trio.redis.url());
    one->listen("room");
    two->listen("room");
    Ids all;
    for (std::uint64_t n = 1; n <= 200; ++n) {
        REQUIRE((n % 2 == 0 ? one : two)->presence().join("room", id(n), data("x")));
        all.insert(n);
    }
    // At once: neither sooner nor later.
    three->listen("room");
    CHECK(eventually([&] { return three->members("room") == all; }));
    three->listen("room", false);
    CHECK(eventually([&] { return three->members("room").empty(); }));
    three->listen("room");
    CHECK(three->members("room") == all);
}

TEST_CASE("a node that dies takes its members along within the time", "[redis][presence]") {
    Trio trio;
    const auto one = trio.add(trio.redis.url());
    const auto two = trio.add(trio.proxy.url());
    one->listen("room");
    two->listen("room");
    REQUIRE(two->presence().join("room", id(2), data("x")));
    REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
    Events expected{{PresenceAction::join, 2}};
    // Members are there, or gone, before that is told.
    const auto tells = [&] { return eventually([&] { return one->events() == expected; }); };
    const auto bound = test::leave_bound(trio.options.node_timeout);
    const auto times = test::time_to_leave(
        bound,
        [&] {
            // As good as dead: nothing of it is heard any more.
            trio.proxy.set_open(false);
            REQUIRE(eventually([&] { return one->members("room").empty(); }));
        },
        [&] {
            expected.emplace_back(PresenceAction::leave, 2);
            CHECK(tells());
            // It knew better, and is back with its members.
            CHECK(two->members("room") == Ids{2});
            trio.proxy.set_open(true);
            REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
            expected.emplace_back(PresenceAction::join, 2);
            CHECK(tells());
        });
    CHECK(times.shortest >= 300ms);
    CHECK(times.shortest <= bound);
}

TEST_CASE("a node that ends takes its members along at once", "[redis][presence]") {
    Trio trio(1h);
    const auto one = trio.add(trio.redis.url());
    auto two = trio.add(trio.redis.url());
    one->listen("room");
    two->listen("room");
    REQUIRE(two->presence().join("room", id(2), data("x")));
    REQUIRE(eventually([&] { return one->members("room") == Ids{2}; }));
    two.reset();
    CHECK(eventually([&] { return one->members("room").empty(); }));
}

TEST_CASE("what happened while a node was cut off is known when it is back", "[redis][presence]") {
    Trio trio(1h);
    const auto one = trio.add(trio.redis.url());
    const auto two = trio.add(trio.proxy.url());
    one->listen("room");
    two->listen("room");
    for (const std::uint64_t n : {1U, 2U}) REQUIRE(one->presence().join("room", id(n), data("a")));
    REQUIRE(eventually([&] { return two->members("room") == Ids{1, 2}; }));
    trio.proxy.set_open(false);
    REQUIRE(eventually([&] { return !two->broker().is_healthy(); }));
    REQUIRE(one->presence().leave("room", id(1)));
    REQUIRE(one->presence().update("room", id(2), data("b")));
    REQUIRE(one->presence().join("room", id(3), data("c")));
    REQUIRE(two->presence().join("room", id(4), data("d")));
    CHECK(two->members("room") == Ids{1, 2, 4});
    trio.proxy.set_open(true);
    CHECK(eventually([&] { return two->members("room") == Ids{2, 3, 4}; }));
    CHECK(two->presence().get("room", id(2))->data == data("b"));
    CHECK(eventually([&] { return one->members("room") == Ids{2, 3, 4}; }));
}

TEST_CASE("words between nodes are read, or refused when they make no sense",
          "[cluster][presence]") {
    const cluster::NodeId node{7, 8};
    core::PresenceState state{id(3), data("x"), 10, 20};
    std::string answer = cluster::node_message(NodeMessageKind::answer, node);
    cluster::append_token(42, answer);
    cluster::append_channel("room", answer);
    cluster::append_change(PresenceAction::update, state, answer);
    const auto read = cluster::read_node_message(answer);
    REQUIRE(read);
    CHECK(read->kind == NodeMessageKind::answer);
    CHECK(read->node == node);
    CHECK(read->token == 42);
    CHECK(read->channel == "room");
    REQUIRE(read->changes.size() == 1);
    CHECK(read->changes[0].action == PresenceAction::update);
    CHECK(read->changes[0].state == state);
    for (std::size_t n = 0; n < answer.size(); ++n) {
        const std::vector<char> cut(answer.begin(),
                                    answer.begin() + static_cast<std::ptrdiff_t>(n));
        const auto short_one = cluster::read_node_message({cut.data(), cut.size()});
        // Cut before its records it is an answer without any.
        CHECK((!short_one || short_one->changes.empty()));
        for (const char byte : {'\0', '\x7f', '\xff'}) {
            std::string changed = answer;
            changed[n] = byte;
            (void)cluster::read_node_message(changed);
        }
    }
    CHECK_FALSE(cluster::read_node_message(answer + "x"));
    CHECK_FALSE(
        cluster::read_node_message(cluster::node_message(NodeMessageKind::alive, node) + "x"));
}

namespace {

/// Shared presence without a server: what it says is written down, what others say is made up.
struct Alone {
    static constexpr cluster::NodeId kOther{7, 8};
    core::SystemClock clock;
    core::MemoryBudget budget{4096};
    std::vector<std::string> said;
    bool is_congested = false;
    std::size_t wakes = 0;
    std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
    cluster::SharedPresence presence{
        clock,
        {1, 2},
        {},
        {[this] { ++wakes; },
         [this](const std::string& channel, const std::string&, std::function<void(std::size_t)>) {
             said.push_back(channel);
         },
         [](const cluster::NodeId&, const std::string&) {},
         [](const std::string&, const cluster::NodeId&, const std::string&) {},
         [](const std::string&) {}, [](const core::PresenceEvent&) {},
         [this] { return is_congested; }},
        &budget};

    void hear(PresenceAction action, std::uint64_t n, std::size_t data_bytes) {
        std::string message = cluster::node_message(NodeMessageKind::changes, kOther);
        const core::PresenceState state{id(n), data(std::string(data_bytes, 'x')), n, n};
        cluster::append_change(action, state, message);
        presence.on_message("room", message, now);
    }
};

}  // namespace

TEST_CASE("members of other nodes count against the memory budget, and no more are kept",
          "[cluster][presence]") {
    Alone node;
    node.hear(PresenceAction::join, 1, 1000);
    node.hear(PresenceAction::join, 2, 1000);
    const std::size_t both = node.budget.used();
    CHECK(both > 2000);
    node.hear(PresenceAction::join, 3, 3000);
    CHECK(node.presence.count("room") == 2);
    CHECK(node.presence.refused() == 1);
    CHECK(node.budget.used() == both);
    node.hear(PresenceAction::update, 2, 3500);  // stays as it was
    CHECK(node.presence.get("room", id(2))->data->size() == 1000);
    CHECK(node.presence.refused() == 2);
    node.hear(PresenceAction::update, 1, 10);
    CHECK(node.budget.used() == both - 990);
    node.hear(PresenceAction::leave, 1, 0);
    node.hear(PresenceAction::leave, 1, 0);
    node.hear(PresenceAction::join, 3, 1000);
    CHECK(node.presence.count("room") == 2);
    CHECK(node.budget.used() == both);
    SECTION("until nobody listens any more") { node.presence.drop("room"); }
    SECTION("until their node ends") {
        const auto bye =
            cluster::read_node_message(cluster::node_message(NodeMessageKind::bye, Alone::kOther));
        REQUIRE(bye);
        node.presence.on_announced(*bye, node.now);
    }
    SECTION("until their node has others") {
        const std::string none = cluster::node_message(NodeMessageKind::state, Alone::kOther);
        node.presence.on_message("room", none, node.now);
    }
    CHECK(node.budget.used() == 0);
    CHECK(node.presence.count("room") == 0);
}

TEST_CASE("a silent node is dead at the first tick behind its time, unless this one was asleep",
          "[cluster][presence]") {
    Alone node;
    const cluster::PresenceTimes times;
    const auto tick_until = [&node, &times](std::chrono::steady_clock::time_point end) {
        while (node.now < end) {
            node.now += times.dead / 12;
            node.presence.tick(node.now, true, true);
        }
    };
    node.presence.tick(node.now, true, true);
    node.hear(PresenceAction::join, 1, 10);
    auto heard = node.now;
    SECTION("alone") {}
    SECTION("after some more words") {
        tick_until(heard + times.dead);
        node.hear(PresenceAction::update, 1, 11);
        heard = node.now;
    }
    SECTION("after this one heard nobody for a while") {
        for (int i = 0; i < 100; ++i) {
            node.now += times.dead / 12;
            node.presence.tick(node.now, false, false);
        }
        heard = node.now;
    }
    SECTION("after this one was asleep") {
        node.now += 1h;
        node.presence.tick(node.now, true, true);
        heard = node.now;
    }
    tick_until(heard + times.dead);
    CHECK(node.presence.count("room") == 1);
    tick_until(heard + times.dead + times.dead / 12);
    CHECK(node.presence.count("room") == 0);
}

TEST_CASE("changes wait while the server does not take what was said before",
          "[cluster][presence]") {
    Alone node;
    node.is_congested = true;
    REQUIRE(node.presence.join("room", id(1), std::nullopt));
    REQUIRE(node.wakes == 1);
    node.presence.flush(true);
    REQUIRE(node.presence.join("hall", id(2), std::nullopt));
    node.presence.tick(node.now, true, true);
    CHECK(node.said.empty());
    node.is_congested = false;
    node.presence.tick(node.now, true, true);
    CHECK(node.said == std::vector<std::string>{"room", "hall"});
    REQUIRE(node.presence.join("yard", id(3), std::nullopt));
    CHECK(node.wakes == 2);
}
