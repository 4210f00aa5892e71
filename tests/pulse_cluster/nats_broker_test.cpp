// SPDX-License-Identifier: MIT OR Apache-2.0
#include "contract/broker_contract.hpp"
#include "contract/recovery_contract.hpp"
#include "nats_fixture.hpp"

#include <future>

#include <pulse/core/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::BrokerNode;
using test::eventually;
using test::NatsNodes;
using test::NatsServer;

namespace {

/// Every case of a suite gets a cluster of its own on one server.
std::string next_prefix() {
    static int n = 0;
    return "test" + std::to_string(++n) + ":";
}

void publish_text(core::Broker& broker, std::string_view channel, const std::string& text) {
    core::PublicationView publication{channel};
    publication.payload = protocol::as_bytes(text);
    REQUIRE_FALSE(contract::publish_and_wait(broker, publication));
}

}  // namespace

TEST_CASE("the NATS broker keeps the contract", "[nats][contract][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    contract::broker_contract([&](std::size_t n) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        return nodes.add(n, nats.url(), options);
    });
}

TEST_CASE("the NATS broker keeps the contract of a broker with history, too",
          "[nats][contract][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    contract::broker_contract([&](std::size_t n) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        options.history = contract::recovery_policy;
        return nodes.add(n, nats.url(), options);
    });
}

TEST_CASE("the NATS broker keeps the contract of recovery", "[nats][contract][recovery]") {
    const NatsServer nats;
    NatsNodes nodes;
    contract::recovery_contract([&](std::size_t n, const core::HistoryPolicies& policies) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        options.history = policies;
        return nodes.add(n, nats.url(), options);
    });
}

TEST_CASE("a history on NATS is read in pieces and given whole, within its limits",
          "[nats][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    cluster::BrokerOptions options;
    options.history = [](std::string_view) { return core::HistoryPolicy{.size = 700}; };
    options.max_page_bytes = 600 * 9;
    const auto broker = nodes.add(nats.url(), options);
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    for (int i = 1; i <= 760; ++i) publish_text(*broker, "news", std::to_string(1000 + i));
    const std::uint64_t epoch = contract::read_history(*broker, "news", nullptr, 0).top.epoch;
    const auto read = [&](std::uint64_t since, std::size_t limit) {
        const core::StreamPosition position{since, epoch};
        return contract::read_history(*broker, "news", &position, limit);
    };
    // A pull has 256 messages.
    for (const std::size_t limit : {0U, 1U, 255U, 256U, 257U, 512U, 513U}) {
        const auto page = read(100, limit);
        CHECK(page.recovered);
        REQUIRE(page.publications.size() == limit);
        for (std::size_t i = 0; i < limit; ++i) {
            CHECK(page.publications[i]->position.offset == 101 + i);
            CHECK(protocol::as_text(page.publications[i]->payload) == std::to_string(1101 + i));
        }
    }
    CHECK(read(740, 300).publications.size() == 20);
    CHECK(read(0, 0).recovered == false);
    // A record is a few bytes longer than its text: the bytes end the page first.
    const auto all = read(60, 700);
    CHECK(all.recovered);
    CHECK(all.publications.size() < 700);
    CHECK(all.publications.size() > 500);
    CHECK_FALSE(read(59, 700).recovered);
}

TEST_CASE("many read a busy channel at once, and each page joins what is heard", "[nats][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    cluster::BrokerOptions options;
    options.history = [](std::string_view) { return core::HistoryPolicy{.size = 20'000}; };
    const auto one = nodes.add(nats.url(), options);
    const auto two = nodes.add(nats.url(), options);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode node(one);
    node.listen("news");
    std::atomic<bool> is_done{false};
    std::thread publisher([&] {
        BrokerNode other(two);
        for (int i = 0; i < 3000; ++i) other.publish("news", std::to_string(i));
        is_done = eventually([&] { return two->stats().waiting == 0; });
    });
    std::atomic<int> open{0};
    std::atomic<int> wrong{0};
    std::atomic<int> pages{0};
    while (!is_done) {
        if (open >= 40) {
            std::this_thread::sleep_for(1ms);
            continue;
        }
        ++open;
        one->history()->read("news", nullptr, 20'000, [&](core::Result<core::HistoryPage> page) {
            // On the loop: what was delivered before has been counted.
            if (!page || node.last().position.offset != page->top.offset) ++wrong;
            std::uint64_t expected = page ? page->top.offset + 1 - page->publications.size() : 0;
            if (page && expected != 1) ++wrong;
            if (page) {
                for (const auto& each : page->publications) {
                    if (each->position.offset != expected++) ++wrong;
                }
            }
            ++pages;
            --open;
        });
    }
    publisher.join();
    CHECK(eventually([&] { return open == 0; }));
    CHECK(wrong == 0);
    CHECK(pages >= 40);
    CHECK(node.hears("news", 3000));
    const auto positions = node.positions("news");
    for (std::size_t i = 1; i < positions.size(); ++i) {
        REQUIRE(positions[i].offset == positions[i - 1].offset + 1);
    }
}

TEST_CASE("publications of a burst share messages on NATS", "[nats][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    for (const bool is_kept : {false, true}) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        if (is_kept) options.history = contract::recovery_policy;
        const auto broker = nodes.add(nats.url(), options);
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
        if (!is_kept) continue;
        // However large the messages were, what is kept is what should be.
        const auto page = contract::read_history(*broker, "news", nullptr, 5000);
        CHECK(page.top.offset == kCount);
        CHECK(page.publications.size() == 1000);
    }
}

TEST_CASE("a publication larger than the server takes is refused, and batches are cut to fit",
          "[nats][broker]") {
    const NatsServer nats("max_payload: 65536");
    NatsNodes nodes;
    for (const bool is_kept : {false, true}) {
        cluster::BrokerOptions options;
        options.prefix = next_prefix();
        if (is_kept) options.history = contract::recovery_policy;
        const auto broker = nodes.add(nats.url(), options);
        REQUIRE(eventually([&] { return broker->is_healthy(); }));
        BrokerNode node(broker);
        node.listen("news");
        const std::string large(65'536, 'x');
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes(large);
        CHECK(contract::publish_and_wait(*broker, publication) == core::Error::message_too_big);
        std::vector<std::string> expected;
        for (int i = 0; i < 100; ++i) {
            expected.push_back(std::to_string(i) + std::string(20'000, 'x'));
            node.publish("news", expected.back());
        }
        const std::string largest(65'000, 'y');
        expected.push_back(largest);
        node.publish("news", largest);
        CHECK(node.hears("news", expected.size()));
        CHECK((node.heard("news") == expected));
        CHECK(node.failures() == 0);
    }
}

TEST_CASE("users, passwords and tokens are used on NATS, and what is wrong is said",
          "[nats][broker]") {
    NatsNodes nodes;
    {
        const NatsServer nats("authorization { user: pulse, password: \"s3:cr/t\" }");
        const auto right = nodes.add("nats://pulse:s3%3Acr%2Ft@" + nats.address());
        CHECK(eventually([&] { return right->is_healthy(); }));
        const auto wrong = nodes.add("nats://pulse:wrong@" + nats.address());
        CHECK(eventually(
            [&] { return wrong->obstacle().find("uthorization") != std::string::npos; }));
        CHECK_FALSE(wrong->is_healthy());
    }
    const NatsServer nats("authorization { token: \"to ken\" }");
    const auto right = nodes.add("nats://to%20ken@" + nats.address());
    CHECK(eventually([&] { return right->is_healthy(); }));
}

TEST_CASE("a NATS without JetStream is no place to publish, and says so", "[nats][broker]") {
    const NatsServer nats({}, false);
    NatsNodes nodes;
    const auto broker = nodes.add(nats.url());
    CHECK(eventually(
        [&] { return broker->obstacle().find("JetStream is not enabled") != std::string::npos; }));
    CHECK_FALSE(broker->is_healthy());
}

TEST_CASE("a user who may not publish into the streams is told why", "[nats][broker]") {
    const NatsServer nats(
        "authorization { users: [ { user: pulse, password: secret, permissions: { publish: { deny: "
        "\"pulse:.p.>\" } } } ] }");
    NatsNodes nodes;
    const auto broker = nodes.add("nats://pulse:secret@" + nats.address());
    CHECK(eventually([&] { return broker->obstacle().find("ermissions") != std::string::npos; }));
    CHECK_FALSE(broker->is_healthy());
}

TEST_CASE("the next server of several is taken when one is not there", "[nats][broker]") {
    const NatsServer nats;
    NatsNodes nodes;
    const auto broker = nodes.add("nats://127.0.0.1:1," + nats.address());
    CHECK(eventually([&] { return broker->is_healthy(); }));
}

TEST_CASE("what waits for NATS is bounded, and fails when its time is over", "[nats][broker]") {
    NatsNodes nodes;
    cluster::BrokerOptions options;
    options.max_waiting = 10;
    options.max_wait = 50ms;
    const auto broker = nodes.add("nats://127.0.0.1:1", options);
    const core::PublicationView publication{"news"};
    for (int i = 0; i < 10; ++i) CHECK_FALSE(broker->publish(publication));
    CHECK(eventually([&] { return broker->stats().failed_total == 10; }));
    CHECK(broker->stats().waiting == 0);
    CHECK_FALSE(broker->is_healthy());
    CHECK(broker->obstacle().starts_with("broker: "));
}

TEST_CASE("an address of NATS that cannot be is refused, and says why", "[nats][broker]") {
    test::IoThread thread;
    core::SystemRng rng;
    core::NullLog log;
    const cluster::BrokerServices services{thread.io(), rng, log};
    CHECK_FALSE(cluster::make_nats_broker("redis://host", {}, services));
    CHECK(cluster::find_nats_url_problem("redis://host").find("nats://") != std::string::npos);
    CHECK(cluster::find_nats_url_problem("nats://host").empty());
}
