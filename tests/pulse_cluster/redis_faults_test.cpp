// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a node does when its way to Redis breaks.
#include "cluster_fixture.hpp"
#include "contract/recovery_contract.hpp"
#include "support/unix_proxy.hpp"

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

/// What was logged, "event: reason".
class Lines final : public core::Log {
  public:
    using core::Log::write;
    [[nodiscard]] bool enabled(core::LogLevel) const noexcept override { return true; }
    void write(core::LogLevel, std::string_view event,
               std::span<const core::LogField> fields) noexcept override {
        std::string line(event);
        for (const core::LogField& field : fields) {
            line.append(": ").append(std::get<std::string_view>(field.value));
        }
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    [[nodiscard]] std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// One node straight on Redis, one behind a proxy.
struct Cut {
    const test::RedisServer redis;
    test::UnixProxy proxy{redis.path()};
    test::RedisNodes nodes;
    std::shared_ptr<cluster::ClusterBroker> straight;
    std::shared_ptr<cluster::ClusterBroker> behind;

    explicit Cut(const cluster::BrokerOptions& options = options_with_history())
        : straight(nodes.add(redis.url(), options)), behind(nodes.add(proxy.url(), options)) {
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

TEST_CASE("a node that was cut off gets what it missed, in order, and no gap is told",
          "[redis][fault]") {
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
    CHECK(cluster.behind->stats().recovered_total == 50);
}

TEST_CASE("a node that was cut off for longer than the history reaches is told of the gap",
          "[redis][fault]") {
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

TEST_CASE("a channel without history that was cut off is told of a gap", "[redis][fault]") {
    Cut cluster;
    BrokerNode node(cluster.behind);
    node.listen("plain");
    cluster.cut_off();
    cluster.reconnect();
    CHECK(eventually([&] { return has_gap(node, "plain"); }));
    publish_all(*cluster.straight, "plain", 0, 3);
    CHECK(node.hears("plain", 3));
}

TEST_CASE("connections that break again and again lose nothing and give nothing twice",
          "[redis][fault]") {
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
            std::this_thread::sleep_for(20ms);
        }
    });
    publish_all(*cluster.straight, "news", 0, 2000);
    is_done = true;
    cutter.join();
    CHECK(node.hears("news", 2000));
    CHECK((node.heard("news") == numbers(2000)));
    CHECK(node.gaps().empty());
}

TEST_CASE("publications that wait for Redis are published when it is back", "[redis][fault]") {
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

TEST_CASE("what waits is not lost with the connection that others were sent on", "[redis][fault]") {
    test::RedisServer redis;
    test::UnixProxy proxy(redis.path());
    test::RedisNodes nodes;
    const auto broker = nodes.add(proxy.url());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    redis.pause();
    // Each on a channel of its own, so that they take a command each: most of them wait.
    constexpr std::uint64_t kCount = 20'000;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const std::string channel = "c" + std::to_string(i);
        REQUIRE_FALSE(broker->publish(core::PublicationView{channel}));
    }
    proxy.cut();
    REQUIRE(eventually([&] { return !broker->is_healthy(); }));
    const std::uint64_t failed = broker->stats().failed_total;
    CHECK(failed <= 1'000);
    CHECK(broker->stats().waiting == kCount - failed);
    redis.resume();
    CHECK(eventually([&] { return broker->stats().waiting == 0; }));
    CHECK(broker->stats().failed_total == failed);
    CHECK(broker->stats().published_total == kCount - failed);
}

TEST_CASE("whoever stayed at home while Redis was away has all nodes told", "[redis][fault]") {
    const test::RedisServer redis;
    test::UnixProxy proxy(redis.path());
    test::RedisNodes nodes;
    auto options = options_with_history();
    options.while_down = cluster::WhileDown::local;
    const auto straight = nodes.add(redis.url(), options);
    const auto behind = nodes.add(proxy.url(), options);
    REQUIRE(eventually([&] { return straight->is_healthy() && behind->is_healthy(); }));
    BrokerNode near(behind);
    BrokerNode far(straight);
    near.listen("plain");
    far.listen("plain");
    far.listen("news");
    proxy.set_open(false);
    REQUIRE(eventually([&] { return !behind->is_healthy(); }));
    near.publish("plain", "at home");
    CHECK(near.heard("plain") == std::vector<std::string>{"at home"});
    proxy.set_open(true);
    CHECK(eventually([&] { return has_gap(far, "plain"); }));
    CHECK_FALSE(has_gap(far, "news"));
    CHECK(far.heard("plain").empty());
}

TEST_CASE("a Redis that lost its memory begins a new epoch, and nodes are told of the gap",
          "[redis][fault]") {
    test::RedisServer redis;
    test::RedisNodes nodes;
    const auto broker = nodes.add(redis.url(), options_with_history());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    BrokerNode node(broker);
    node.listen("news");
    publish_all(*broker, "news", 0, 5);
    CHECK(node.hears("news", 5));
    const core::StreamPosition before = node.last().position;
    redis.kill();
    REQUIRE(eventually([&] { return !broker->is_healthy(); }));
    redis.start();
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    CHECK(eventually([&] { return has_gap(node, "news"); }));
    publish_all(*broker, "news", 5, 10);
    CHECK(node.hears("news", 10));
    CHECK(node.heard("news") == numbers(10));
    CHECK(node.last().position.epoch != before.epoch);
    const auto page = contract::read_history(*broker, "news", &before);
    CHECK_FALSE(page.recovered);
}

TEST_CASE("a Redis that has its data from the disk begins a new epoch, too", "[redis][fault]") {
    // What was published between the last snapshot and the end is not in it: the offsets would be
    // given a second time.
    test::RedisServer redis;
    test::RedisNodes nodes;
    const auto broker = nodes.add(redis.url(), options_with_history());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    publish_all(*broker, "news", 0, 5);
    CHECK(redis.ask("SAVE") == "+OK\r\n");
    publish_all(*broker, "news", 5, 10);
    const auto before = contract::read_history(*broker, "news", nullptr);
    CHECK(before.top.offset == 10);
    redis.kill();
    REQUIRE(eventually([&] { return !broker->is_healthy(); }));
    redis.start();
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    publish_all(*broker, "news", 10, 11);
    const auto after = contract::read_history(*broker, "news", &before.top);
    CHECK_FALSE(after.recovered);
    CHECK(after.top.epoch != before.top.epoch);
}

TEST_CASE("a Redis that stops is noticed, and what it does later is in order", "[redis][fault]") {
    test::RedisServer redis;
    test::RedisNodes nodes;
    auto options = options_with_history();
    options.answer_timeout = 400ms;
    const auto one = nodes.add(redis.url(), options);
    const auto two = nodes.add(redis.url(), options);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode node(two);
    node.listen("news");
    publish_all(*one, "news", 0, 5);
    redis.pause();
    std::promise<std::error_code> under_way;
    core::PublicationView publication{"news"};
    publication.payload = protocol::as_bytes("5");
    one->publish_confirmed(publication,
                           [&under_way](std::error_code error) { under_way.set_value(error); });
    CHECK(eventually([&] { return !one->is_healthy() && !two->is_healthy(); }));
    // Nobody knows: Redis will find it in its socket.
    CHECK(under_way.get_future().get() == core::Error::broker_unavailable);
    redis.resume();
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
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

TEST_CASE("a node that dies takes nobody along", "[redis][fault]") {
    const test::RedisServer redis;
    test::RedisNodes nodes;
    const auto one = nodes.add(redis.url(), options_with_history());
    auto two = nodes.add(redis.url(), options_with_history());
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

TEST_CASE("a history that cannot be read is asked again, with pauses, until it can",
          "[redis][fault]") {
    const test::RedisServer redis(
        {"--user", "pulse", "on", ">secret", "~*", "&*", "+@all", "-xrange"});
    test::UnixProxy proxy(redis.path());
    test::RedisNodes nodes;
    const auto url = [](const std::string& path) { return "unix://pulse:secret@" + path; };
    const auto straight = nodes.add(url(redis.path()), options_with_history());
    const auto behind = nodes.add(url(proxy.path()), options_with_history());
    REQUIRE(eventually([&] { return straight->is_healthy() && behind->is_healthy(); }));
    BrokerNode node(behind);
    node.listen("ever");
    proxy.set_open(false);
    REQUIRE(eventually([&] { return !behind->is_healthy(); }));
    publish_all(*straight, "ever", 0, 10);
    proxy.set_open(true);
    REQUIRE(eventually([&] { return behind->is_healthy(); }));
    // What comes meanwhile is held.
    publish_all(*straight, "ever", 10, 20);
    CHECK(node.heard("ever").empty());
    CHECK(redis.ask("ACL SETUSER pulse +xrange") == "+OK\r\n");
    CHECK(node.hears("ever", 20));
    CHECK(node.heard("ever") == numbers(20));
    CHECK(node.gaps().empty());
}

TEST_CASE("why a Redis cannot be reached is logged, once, and that it can be", "[redis][fault]") {
    const test::RedisServer redis({"--user", "pulse", "on", ">secret", "~*", "&*", "+@all"});
    const auto logins = [&redis] {
        constexpr std::string_view kCalls = "cmdstat_auth:calls=";
        const std::string info = redis.ask("INFO commandstats");
        const std::size_t at = info.find(kCalls);
        return at == std::string::npos ? 0 : std::stoul(info.substr(at + kCalls.size()));
    };
    core::SystemRng rng;
    for (const bool is_right : {false, true}) {
        Lines lines;
        test::IoThread thread;
        const std::string login = is_right ? "pulse:secret@" : "pulse:wrong@";
        auto broker = cluster::make_redis_broker("unix://" + login + redis.path(), {},
                                                 {thread.io(), rng, lines});
        REQUIRE(broker);
        REQUIRE(eventually([&] { return !lines.all().empty(); }));
        if (!is_right) CHECK(eventually([&] { return logins() >= 6; }));
        const auto all = lines.all();
        CHECK(all.size() == 1);
        CHECK(all[0].starts_with(is_right ? "broker_up" : "broker_down: WRONGPASS"));
        CHECK((*broker)->obstacle().empty() == is_right);
        broker->reset();
    }
}
