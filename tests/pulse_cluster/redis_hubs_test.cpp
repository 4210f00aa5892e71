// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hubs of three processes, as they are in a server, on one Redis.
#include "cluster_fixture.hpp"
#include "contract/recovery_contract.hpp"
#include "support/lane_hosts.hpp"

#include <mutex>
#include <set>

#include <pulse/core/clock.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/receiver.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using test::eventually;

namespace {

class Node {
  public:
    explicit Node(std::shared_ptr<core::Broker> broker)
        : broker_(std::move(broker)),
          hub_(options(), {clock_, rng_, log_, nullptr, nullptr, nullptr, broker_.get()}) {}

    core::Receiver listen(std::string_view channel) {
        auto receiver = hub_.subscribe(channel);
        REQUIRE(receiver);
        std::promise<void> listening;
        broker_->when_listening(channel, [&listening] { listening.set_value(); });
        listening.get_future().wait();
        return std::move(*receiver);
    }
    void publish(std::string_view channel, std::string_view text) {
        core::PublicationView publication{channel};
        publication.payload = protocol::as_bytes(text);
        REQUIRE(hub_.publish(publication));
    }
    [[nodiscard]] core::Hub& hub() noexcept { return hub_; }

  private:
    static core::HubOptions options() {
        core::HubOptions options;
        options.history_policy = contract::recovery_policy;
        options.receiver_capacity = 100'000;
        return options;
    }
    core::SystemClock clock_;
    core::SystemRng rng_;
    core::NullLog log_;
    std::shared_ptr<core::Broker> broker_;
    core::Hub hub_;
};

std::vector<std::string> take(core::Receiver& receiver, std::size_t n) {
    std::vector<std::string> texts;
    while (texts.size() < n) {
        const core::PublicationPtr* next = receiver.receive(10s);
        if (next == nullptr) break;
        texts.emplace_back(protocol::as_text((*next)->payload));
    }
    return texts;
}

struct Cluster {
    explicit Cluster(bool is_kept) {
        cluster::BrokerOptions options;
        if (is_kept) options.history = contract::recovery_policy;
        for (auto& broker : nodes.add(3, redis.url(), options)) {
            each.push_back(std::make_unique<Node>(std::move(broker)));
        }
    }
    const test::RedisServer redis;
    test::RedisNodes nodes;
    std::vector<std::unique_ptr<Node>> each;
};

}  // namespace

TEST_CASE("what is published on one of three hubs is received on all, in order", "[redis][hub]") {
    for (const bool is_kept : {false, true}) {
        Cluster cluster(is_kept);
        std::vector<core::Receiver> receivers;
        for (const auto& node : cluster.each) receivers.push_back(node->listen("news"));
        std::vector<std::string> expected;
        for (int i = 0; i < 1000; ++i) {
            expected.push_back(std::to_string(i));
            cluster.each[0]->publish("news", expected.back());
        }
        for (core::Receiver& receiver : receivers) CHECK(take(receiver, 1000) == expected);
    }
}

TEST_CASE("three hubs that publish at once see one order", "[redis][hub]") {
    for (const bool is_kept : {false, true}) {
        Cluster cluster(is_kept);
        std::vector<core::Receiver> receivers;
        for (const auto& node : cluster.each) receivers.push_back(node->listen("news"));
        std::vector<std::thread> threads;
        for (std::size_t n = 0; n < 3; ++n) {
            threads.emplace_back([&node = *cluster.each[n], n] {
                for (int i = 0; i < 2000; ++i) {
                    node.publish("news", std::to_string(n) + ":" + std::to_string(i));
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        const auto order = take(receivers[0], 6000);
        CHECK(order.size() == 6000);
        CHECK(std::set<std::string>(order.begin(), order.end()).size() == 6000);
        CHECK((take(receivers[1], 6000) == order));
        CHECK((take(receivers[2], 6000) == order));
    }
}

TEST_CASE("a hub that nobody listens on hears nothing, and hears again when somebody does",
          "[redis][hub]") {
    Cluster cluster(false);
    {
        core::Receiver receiver = cluster.each[1]->listen("news");
        cluster.each[0]->publish("news", "one");
        CHECK(take(receiver, 1) == std::vector<std::string>{"one"});
    }
    CHECK(eventually([&] {
        return cluster.redis.ask("PUBSUB NUMSUB pulse:c:news") ==
               "*2\r\n$12\r\npulse:c:news\r\n:0\r\n";
    }));
    core::Receiver again = cluster.each[1]->listen("news");
    cluster.each[0]->publish("news", "two");
    CHECK(take(again, 1) == std::vector<std::string>{"two"});
}
