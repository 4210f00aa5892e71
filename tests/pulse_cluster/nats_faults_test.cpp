// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a node does when its way to NATS breaks.
#include "contract/recovery_contract.hpp"
#include "nats_fixture.hpp"
#include "order_check.hpp"

#include <algorithm>

#include <pulse/core/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::BrokerNode;
using test::eventually;

namespace {

cluster::BrokerOptions options_with_history() {
    cluster::BrokerOptions options;
    options.history = contract::recovery_policy;
    return options;
}

void publish_all(core::Broker& broker, std::string_view channel, int from, int to) {
    for (int i = from; i < to; ++i) {
        const std::string text = std::to_string(i);
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(text);
        REQUIRE_FALSE(contract::publish_and_wait(broker, publication));
    }
}

std::vector<std::string> numbers(int to) {
    std::vector<std::string> out;
    for (int i = 0; i < to; ++i) out.push_back(std::to_string(i));
    return out;
}

bool has_gap(const BrokerNode& node, const std::string& channel) {
    const auto gaps = node.gaps();
    return std::find(gaps.begin(), gaps.end(), channel) != gaps.end();
}

/// One node straight on NATS, one behind a proxy.
struct Cut {
    test::NatsServer nats;
    test::NatsProxy proxy{nats.port()};
    test::NatsNodes nodes;
    std::shared_ptr<cluster::ClusterBroker> straight;
    std::shared_ptr<cluster::ClusterBroker> behind;

    explicit Cut(const cluster::BrokerOptions& options = options_with_history())
        : straight(nodes.add(nats.url(), options)), behind(nodes.add(proxy.url(), options)) {
        REQUIRE(eventually([&] { return straight->is_healthy() && behind->is_healthy(); }));
    }
    void cut_off() {
        proxy.set_open(false);
        REQUIRE(eventually([&] { return !behind->is_healthy(); }));
    }
    void reconnect() {
        proxy.set_open(true);
        REQUIRE(eventually([&] { return behind->is_healthy(); }));
    }
};

}  // namespace

TEST_CASE("of nodes that write one history the one that is farther from NATS gets its turns",
          "[nats][fault]") {
    cluster::BrokerOptions options = options_with_history();
    options.answer_timeout = 2'000ms;
    Cut cluster(options);
    const auto second = cluster.nodes.add(cluster.nats.url(), options);
    REQUIRE(eventually([&] { return second->is_healthy(); }));
    BrokerNode node(cluster.straight);  // one of the busy ones listens, the other does not
    node.listen("news");
    cluster.proxy.set_delay(4ms);
    test::SteadyPublisher busy(cluster.straight, {"news"});
    test::SteadyPublisher another(second, {"news"});
    REQUIRE(
        eventually([&] { return busy.acknowledged() >= 100 && another.acknowledged() >= 100; }));
    for (int i = 0; i < 20; ++i) {
        REQUIRE_FALSE(contract::publish_and_wait(*cluster.behind, core::PublicationView{"news"}));
    }
    const std::uint64_t before = busy.acknowledged();
    CHECK(eventually([&] { return busy.acknowledged() >= before + 100; }));
    busy.stop();
    another.stop();
}

TEST_CASE("a node that was cut off from NATS gets what it missed, in order, and no gap is told",
          "[nats][fault]") {
    Cut cluster;
    BrokerNode node(cluster.behind);
    node.listen("news");
    publish_all(*cluster.straight, "news", 0, 10);
    CHECK(node.hears("news", 10));
    cluster.cut_off();
    publish_all(*cluster.straight, "news", 10, 60);
    cluster.reconnect();
    publish_all(*cluster.straight, "news", 60, 70);
    CHECK(node.hears("news", 70));
    CHECK(node.heard("news") == numbers(70));
    CHECK(node.gaps().empty());
    CHECK(cluster.behind->stats().recovered_total >= 50);
}

TEST_CASE("a node that was cut off from NATS for longer than the history reaches is told of it",
          "[nats][fault]") {
    Cut cluster;
    BrokerNode node(cluster.behind);
    node.listen("few");
    cluster.cut_off();
    publish_all(*cluster.straight, "few", 0, 10);
    cluster.reconnect();
    CHECK(eventually([&] { return has_gap(node, "few"); }));
    publish_all(*cluster.straight, "few", 10, 12);
    CHECK(node.hears("few", 2));
    CHECK(node.heard("few") == std::vector<std::string>{"10", "11"});
}

TEST_CASE("a channel without history that was cut off from NATS is told of a gap",
          "[nats][fault]") {
    Cut cluster;
    BrokerNode node(cluster.behind);
    node.listen("plain");
    cluster.cut_off();
    cluster.reconnect();
    CHECK(eventually([&] { return has_gap(node, "plain"); }));
    publish_all(*cluster.straight, "plain", 0, 3);
    CHECK(node.hears("plain", 3));
}

TEST_CASE("connections to NATS that break again and again lose nothing and give nothing twice",
          "[nats][fault]") {
    // However long the node is away, the history reaches back.
    cluster::BrokerOptions options;
    options.history = [](std::string_view) { return core::HistoryPolicy{.size = 10'000}; };
    Cut cluster(options);
    BrokerNode node(cluster.behind);
    node.listen("news");
    std::atomic<bool> is_done{false};
    std::thread cutter([&] {
        while (!is_done) {
            cluster.proxy.cut();
            std::this_thread::sleep_for(40ms);
        }
    });
    publish_all(*cluster.straight, "news", 0, 2000);
    is_done = true;
    cutter.join();
    CHECK(node.hears("news", 2000));
    CHECK((node.heard("news") == numbers(2000)));
    CHECK(node.gaps().empty());
}

TEST_CASE("publishers whose connections to NATS break leave one order, and nothing twice",
          "[nats][fault]") {
    cluster::BrokerOptions options;
    options.history = [](std::string_view) { return core::HistoryPolicy{.size = 100'000}; };
    Cut cluster(options);
    BrokerNode node(cluster.straight);
    node.listen("news");
    std::vector<std::string> confirmed;
    for (int i = 0; i < 300; ++i) {
        // It takes a moment: some that follow are under way by then.
        if (i % 10 == 0) cluster.proxy.cut();
        const std::string text = std::to_string(1'000'000 + i);
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(text);
        if (!contract::publish_and_wait(*cluster.behind, publication)) confirmed.push_back(text);
    }
    CHECK(eventually([&] {
        const auto heard = node.heard("news");
        return !heard.empty() && !confirmed.empty() && heard.back() >= confirmed.back();
    }));
    const auto heard = node.heard("news");
    CHECK(std::is_sorted(heard.begin(), heard.end()));
    CHECK(std::adjacent_find(heard.begin(), heard.end()) == heard.end());
    CHECK(std::includes(heard.begin(), heard.end(), confirmed.begin(), confirmed.end()));
    CHECK(confirmed.size() > 100);
    const auto positions = node.positions("news");
    for (std::size_t i = 1; i < positions.size(); ++i) {
        REQUIRE(positions[i].epoch == positions[0].epoch);
        REQUIRE(positions[i].offset == positions[i - 1].offset + 1);
    }
}

TEST_CASE("publications that wait for NATS are published when it is back", "[nats][fault]") {
    Cut cluster;
    BrokerNode node(cluster.straight);
    node.listen("news");
    cluster.cut_off();
    for (int i = 0; i < 50; ++i) {
        const std::string text = std::to_string(i);
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(text);
        REQUIRE_FALSE(cluster.behind->publish(publication));
    }
    CHECK(node.heard("news").empty());
    cluster.reconnect();
    CHECK(node.hears("news", 50));
    CHECK(node.heard("news") == numbers(50));
}

TEST_CASE("whoever stayed at home while NATS was away has all nodes told", "[nats][fault]") {
    auto options = options_with_history();
    options.while_down = cluster::WhileDown::local;
    Cut cluster(options);
    BrokerNode near(cluster.behind);
    BrokerNode far(cluster.straight);
    near.listen("plain");
    far.listen("plain");
    far.listen("news");
    cluster.cut_off();
    near.publish("plain", "at home");
    CHECK(near.heard("plain") == std::vector<std::string>{"at home"});
    cluster.proxy.set_open(true);
    CHECK(eventually([&] { return has_gap(far, "plain"); }));
    CHECK_FALSE(has_gap(far, "news"));
    CHECK(far.heard("plain").empty());
}

TEST_CASE("a NATS that lost its memory begins a new epoch, and nodes are told of the gap",
          "[nats][fault]") {
    test::NatsServer nats;
    test::NatsNodes nodes;
    const auto broker = nodes.add(nats.url(), options_with_history());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    BrokerNode node(broker);
    node.listen("news");
    publish_all(*broker, "news", 0, 5);
    CHECK(node.hears("news", 5));
    const core::StreamPosition before = node.last().position;
    nats.kill();
    REQUIRE(eventually([&] { return !broker->is_healthy(); }));
    nats.start();
    REQUIRE(eventually([&] { return broker->is_healthy(); }, 20s));
    CHECK(eventually([&] { return has_gap(node, "news"); }));
    publish_all(*broker, "news", 5, 10);
    CHECK(node.hears("news", 10));
    CHECK(node.heard("news") == numbers(10));
    CHECK(node.last().position.epoch != before.epoch);
    CHECK(node.gaps().size() == 1);
    CHECK_FALSE(contract::read_history(*broker, "news", &before).recovered);
}

TEST_CASE("what was lost on its way to a node is delivered before a page that has it",
          "[nats][fault]") {
    const test::NatsServer nats;
    test::NatsProxy way(nats.port());
    test::NatsNodes nodes;
    const auto broker = nodes.add(nats.url(), options_with_history());
    const auto far = nodes.add(way.url(), options_with_history());
    REQUIRE(eventually([&] { return broker->is_healthy() && far->is_healthy(); }));
    BrokerNode node(far);
    node.listen("news");
    publish_all(*broker, "news", 0, 1);
    CHECK(node.hears("news", 1));
    // As between servers of NATS that lose one another.
    way.set_blotted("pulse:.c.news");
    publish_all(*broker, "news", 1, 2);
    const auto page = contract::read_history(*far, "news", nullptr);
    CHECK(contract::texts(page).back() == "1");
    CHECK(node.heard("news") == numbers(2));
    CHECK(node.gaps().empty());
}

TEST_CASE("a NATS that stops is noticed, and what it does later is in order", "[nats][fault]") {
    test::NatsServer nats;
    test::NatsNodes nodes;
    auto options = options_with_history();
    options.answer_timeout = 400ms;
    const auto one = nodes.add(nats.url(), options);
    const auto two = nodes.add(nats.url(), options);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode node(two);
    node.listen("news");
    publish_all(*one, "news", 0, 5);
    nats.pause();
    std::promise<std::error_code> under_way;
    core::PublicationView publication{"news"};
    publication.payload = protocol::as_bytes("5");
    one->publish_confirmed(publication,
                           [&under_way](std::error_code error) { under_way.set_value(error); });
    CHECK(eventually([&] { return !one->is_healthy() && !two->is_healthy(); }));
    // Nobody knows: the server will find it in its socket.
    CHECK(under_way.get_future().get() == core::Error::broker_unavailable);
    nats.resume();
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }, 20s));
    publish_all(*one, "news", 6, 10);
    CHECK(eventually([&] {
        const auto heard = node.heard("news");
        return !heard.empty() && heard.back() == "9";
    }));
    auto heard = node.heard("news");
    CHECK(std::is_sorted(heard.begin(), heard.end()));
    CHECK(std::adjacent_find(heard.begin(), heard.end()) == heard.end());
    CHECK(heard.size() >= 9);
    CHECK(node.gaps().empty());
}

TEST_CASE("what waits is not lost with the connection to NATS that others were sent on",
          "[nats][fault]") {
    Cut cluster(cluster::BrokerOptions{});
    cluster.nats.pause();
    // Each on a channel of its own, so that they take a message each: most of them wait.
    constexpr std::uint64_t kCount = 5'000;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const std::string channel = "c" + std::to_string(i);
        REQUIRE_FALSE(cluster.behind->publish(core::PublicationView{channel}));
    }
    cluster.proxy.cut();
    REQUIRE(eventually([&] { return !cluster.behind->is_healthy(); }));
    // What was under way has failed, or was taken before the server slept.
    const auto before = cluster.behind->stats();
    CHECK(before.failed_total <= 1'000);
    CHECK(before.waiting == kCount - before.failed_total - before.published_total);
    cluster.nats.resume();
    CHECK(eventually([&] { return cluster.behind->stats().waiting == 0; }, 20s));
    CHECK(cluster.behind->stats().failed_total == before.failed_total);
    CHECK(cluster.behind->stats().published_total == kCount - before.failed_total);
}

TEST_CASE("a node that dies on NATS takes nobody along", "[nats][fault]") {
    const test::NatsServer nats;
    test::NatsNodes nodes;
    const auto one = nodes.add(nats.url(), options_with_history());
    auto two = nodes.add(nats.url(), options_with_history());
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode node(one);
    node.listen("news");
    core::PublicationView publication{"news"};
    for (int i = 0; i < 100; ++i) (void)two->publish(publication);
    two.reset();
    publish_all(*one, "news", 0, 5);
    CHECK(eventually([&] {
        const auto heard = node.heard("news");
        return heard.size() >= 5 && heard.back() == "4";
    }));
}

TEST_CASE("a broker that ends while it connects to NATS leaves nothing behind", "[nats][fault]") {
    test::NatsServer nats;
    for (int i = 0; i < 20; ++i) {
        test::NatsNodes nodes;
        auto broker = nodes.add(nats.url(), options_with_history());
        if (i % 2 == 0) REQUIRE(eventually([&] { return broker->is_healthy(); }));
        (void)broker->publish(core::PublicationView{"news"});
    }
}
