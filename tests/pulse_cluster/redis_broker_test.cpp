// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cluster_fixture.hpp"
#include "contract/broker_contract.hpp"
#include "contract/recovery_contract.hpp"

#include <atomic>
#include <future>

#include <pulse/core/error.hpp>
#include <pulse/redis/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::BrokerNode;
using test::eventually;
using test::RedisNodes;
using test::RedisServer;

namespace {

/// Somebody subscribes at the very moment when the broker has found that nobody is there.
class LateListener final : public core::BrokerListener {
  public:
    explicit LateListener(std::shared_ptr<cluster::ClusterBroker> broker)
        : broker_(std::move(broker)), attachment_(broker_->attach(*this)) {}
    ~LateListener() override { attachment_.reset(); }

    void listen() {
        is_interested = true;
        broker_->interest_changed("news");
        std::promise<void> listening;
        broker_->when_listening("news", [&listening] { listening.set_value(); });
        listening.get_future().wait();
    }
    void leave_and_come_back() {
        is_back_due_ = true;
        is_interested = false;
        broker_->interest_changed("news");
        back_.get_future().wait();
    }
    mutable std::atomic<bool> is_interested{false};
    std::atomic<int> heard{0};

  private:
    void on_publication(const core::PublicationView&) noexcept override { ++heard; }
    [[nodiscard]] bool has_interest(std::string_view) const noexcept override {
        const bool answer = is_interested;
        if (!answer && is_back_due_.exchange(false)) {
            is_interested = true;
            broker_->interest_changed("news");
            broker_->when_listening("news", [this] { back_.set_value(); });
        }
        return answer;
    }

    std::shared_ptr<cluster::ClusterBroker> broker_;
    mutable std::atomic<bool> is_back_due_{false};
    mutable std::promise<void> back_;
    core::Broker::Attachment attachment_;
};

/// Every case of a suite gets a cluster of its own on one server.
std::string next_prefix() {
    static int n = 0;
    return "test" + std::to_string(++n) + ":";
}

}  // namespace

TEST_CASE("the Redis broker keeps the contract", "[redis][contract][broker]") {
    const RedisServer redis;
    RedisNodes nodes;
    contract::broker_contract([&](std::size_t n) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        return nodes.add(n, redis.url(), options);
    });
}

TEST_CASE("the Redis broker keeps the contract of recovery", "[redis][contract][recovery]") {
    const RedisServer redis;
    RedisNodes nodes;
    contract::recovery_contract([&](std::size_t n, const core::HistoryPolicies& policies) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        options.history = policies;
        return nodes.add(n, redis.url(), options);
    });
}

TEST_CASE("who subscribes while the last one leaves hears what is published from then on",
          "[redis][broker]") {
    const RedisServer redis;
    RedisNodes nodes;
    const auto one = nodes.add(redis.url());
    const auto two = nodes.add(redis.url());
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    LateListener listener(two);
    listener.listen();
    listener.leave_and_come_back();
    REQUIRE_FALSE(contract::publish_and_wait(*one, core::PublicationView{"news"}));
    CHECK(eventually([&] { return listener.heard == 1; }));
}

TEST_CASE("a history is read in pieces and given whole, within its limits", "[redis][broker]") {
    const RedisServer redis;
    RedisNodes nodes;
    cluster::BrokerOptions options;
    options.history = [](std::string_view) { return core::HistoryPolicy{.size = 300}; };
    options.max_page_bytes = 250 * 9;
    const auto broker = nodes.add(redis.url(), options);
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    for (int i = 1; i <= 330; ++i) {
        core::PublicationView publication{"news"};
        const std::string text = std::to_string(1000 + i);
        publication.payload = protocol::as_bytes(text);
        REQUIRE_FALSE(contract::publish_and_wait(*broker, publication));
    }
    const auto read = [&](std::uint64_t since, std::size_t limit) {
        const std::uint64_t epoch = contract::read_history(*broker, "news", nullptr, 0).top.epoch;
        const core::StreamPosition position{since, epoch};
        return contract::read_history(*broker, "news", &position, limit);
    };
    for (const std::size_t limit : {0U, 1U, 63U, 64U, 65U, 128U, 200U}) {
        const auto page = read(100, limit);
        CHECK(page.recovered);
        REQUIRE(page.publications.size() == limit);
        for (std::size_t i = 0; i < limit; ++i) {
            CHECK(page.publications[i]->position.offset == 101 + i);
            CHECK(protocol::as_text(page.publications[i]->payload) == std::to_string(1101 + i));
        }
    }
    CHECK(read(310, 300).publications.size() == 20);
    // A record is a few bytes longer than its text: the bytes end the page first.
    const auto all = read(30, 300);
    CHECK(all.recovered);
    CHECK(all.publications.size() < 300);
    CHECK(all.publications.size() > 200);
    CHECK_FALSE(read(29, 300).recovered);
}

TEST_CASE("publications of a burst share commands", "[redis][broker]") {
    const RedisServer redis;
    RedisNodes nodes;
    for (const bool is_kept : {false, true}) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        if (is_kept) options.history = contract::recovery_policy;
        const auto broker = nodes.add(redis.url(), options);
        REQUIRE(eventually([&] { return broker->is_healthy(); }));
        constexpr std::size_t kCount = 20'000;
        BrokerNode node(broker);
        node.set_interest("news", true);
        for (std::size_t i = 0; i < kCount; ++i) node.publish("news", "x");
        CHECK(eventually([&] { return broker->stats().waiting == 0; }));
        CHECK(broker->stats().published_total == kCount);
        CHECK(broker->stats().commands_total < kCount / 2);
        CHECK(broker->stats().waiting_bytes == 0);
        CHECK(node.failures() == 0);
    }
}

TEST_CASE("what waits for Redis is bounded by number and by bytes", "[redis][broker]") {
    test::TempDir nowhere;
    RedisNodes nodes;
    cluster::BrokerOptions options;
    options.max_waiting = 10;
    options.max_waiting_bytes = 100'000;
    options.max_wait = 1h;
    const auto broker = nodes.add("unix://" + (nowhere / "none").string(), options);
    core::PublicationView publication{"news"};
    SECTION("number") {
        for (int i = 0; i < 10; ++i) CHECK_FALSE(broker->publish(publication));
        CHECK(broker->publish(publication) == core::Error::broker_overloaded);
        CHECK(broker->stats().waiting == 10);
    }
    SECTION("bytes") {
        const std::string large(60'000, 'x');
        publication.payload = protocol::as_bytes(large);
        CHECK_FALSE(broker->publish(publication));
        CHECK(broker->publish(publication) == core::Error::broker_overloaded);
        CHECK(broker->stats().waiting == 1);
        publication.payload = {};
        CHECK_FALSE(broker->publish(publication));
    }
    CHECK(broker->stats().refused_total == 1);
    CHECK_FALSE(broker->is_healthy());
    CHECK(broker->obstacle().starts_with("broker: "));
}

TEST_CASE("while Redis is away publications are refused, wait, or stay at home",
          "[redis][broker]") {
    test::TempDir nowhere;
    RedisNodes nodes;
    cluster::BrokerOptions options;
    options.max_wait = 50ms;
    const auto make = [&](cluster::WhileDown while_down) {
        options.while_down = while_down;
        return nodes.add("unix://" + (nowhere / "none").string(), options);
    };
    const core::PublicationView publication{"news"};
    SECTION("refused") {
        const auto broker = make(cluster::WhileDown::refuse);
        CHECK(broker->publish(publication) == core::Error::broker_unavailable);
        CHECK(contract::publish_and_wait(*broker, publication) == core::Error::broker_unavailable);
    }
    SECTION("wait for their time") {
        const auto broker = make(cluster::WhileDown::queue);
        CHECK_FALSE(broker->publish(publication));
        CHECK(contract::publish_and_wait(*broker, publication) == core::Error::broker_unavailable);
        CHECK(broker->stats().failed_total == 2);
        CHECK(broker->stats().waiting == 0);
    }
    SECTION("stay at home, but for those that are to be kept") {
        options.history = contract::recovery_policy;
        const auto broker = make(cluster::WhileDown::local);
        BrokerNode node(broker);
        CHECK_FALSE(contract::publish_and_wait(*broker, core::PublicationView{"plain"}));
        CHECK(node.calls() == 1);
        CHECK(contract::publish_and_wait(*broker, publication) == core::Error::broker_unavailable);
        CHECK(node.calls() == 1);
    }
}

TEST_CASE("a password, an ACL user and a database are used", "[redis][broker]") {
    const RedisServer redis({"--requirepass", "general secret", "--user", "pulse", "on", ">s3:cr/t",
                             "~*", "&*", "+@all"});
    RedisNodes nodes;
    const auto at = [&](const std::string& login, const std::string& query) {
        return "unix://" + login + "@" + redis.path() + query;
    };
    const auto one = nodes.add(at("pulse:s3%3Acr%2Ft", "?db=3"));
    const auto two = nodes.add(at(":general%20secret", "?db=3"));
    CHECK(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode ann(one);
    ann.listen("news");
    BrokerNode bob(two);
    bob.publish("news", "x");
    CHECK(ann.hears("news", 1));

    const auto wrong = nodes.add(at("pulse:wrong", ""));
    CHECK(eventually([&] { return wrong->obstacle().find("WRONGPASS") != std::string::npos; }));
    CHECK_FALSE(wrong->is_healthy());
}

TEST_CASE("a replica is no place to publish", "[redis][broker]") {
    const RedisServer redis({"--replicaof", "127.0.0.1", "1"});
    RedisNodes nodes;
    const auto broker = nodes.add(redis.url());
    CHECK(eventually([&] { return broker->obstacle() == "broker: a replica"; }));
    CHECK_FALSE(broker->is_healthy());
}

TEST_CASE("scripts that Redis forgot are given again", "[redis][broker]") {
    const RedisServer redis;
    RedisNodes nodes;
    cluster::BrokerOptions options;
    options.history = contract::recovery_policy;
    const auto broker = nodes.add(redis.url(), options);
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    CHECK_FALSE(contract::publish_and_wait(*broker, core::PublicationView{"news"}));
    CHECK(redis.ask("SCRIPT FLUSH") == "+OK\r\n");
    CHECK(contract::publish_and_wait(*broker, core::PublicationView{"news"}) ==
          core::Error::broker_unavailable);
    CHECK(eventually(
        [&] { return !contract::publish_and_wait(*broker, core::PublicationView{"news"}); }));
}

TEST_CASE("an address that cannot be is refused, and says why", "[redis][broker]") {
    test::IoThread thread;
    core::SystemRng rng;
    core::NullLog log;
    const cluster::BrokerServices services{thread.io(), rng, log};
    CHECK(cluster::make_redis_broker("http://host", {}, services).error() ==
          redis::Error::invalid_address);
    CHECK_FALSE(cluster::find_redis_url_problem("redis+sentinel://host").empty());
    CHECK(cluster::find_redis_url_problem("rediss://host").empty());
}
