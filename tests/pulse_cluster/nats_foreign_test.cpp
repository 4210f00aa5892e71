// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What others do on NATS: messages and words that no node has sent, and streams that are changed.
#include "contract/recovery_contract.hpp"
#include "envelope.hpp"
#include "nats_fixture.hpp"
#include "nats_stranger.hpp"

#include <algorithm>
#include <future>
#include <limits>

#include <pulse/core/error.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using contract::BrokerNode;
using test::eventually;
using test::NatsNodes;
using test::NatsServer;
using test::Stranger;

namespace {

cluster::BrokerOptions with_history() {
    cluster::BrokerOptions options;
    options.history = [](std::string_view channel) {
        return channel.starts_with("plain") ? core::HistoryPolicy{}
                                            : core::HistoryPolicy{.size = 100};
    };
    return options;
}
/// Where those are published that are kept so.
const std::string kKept = "pulse:.p.100x0.";

std::error_code publish(core::Broker& broker, std::string_view channel, const std::string& text) {
    core::PublicationView publication{channel};
    publication.payload = protocol::as_bytes(text);
    return contract::publish_and_wait(broker, publication);
}

}  // namespace

TEST_CASE("a message in a history that no node wrote ends an epoch, and not the channel",
          "[nats][fault]") {
    const NatsServer nats;
    Stranger stranger(nats);
    NatsNodes nodes;
    const auto broker = nodes.add(nats.url(), with_history());
    const auto other = nodes.add(nats.url(), with_history());
    REQUIRE(eventually([&] { return broker->is_healthy() && other->is_healthy(); }));
    BrokerNode node(other);
    node.listen("news");
    REQUIRE_FALSE(publish(*broker, "news", "before"));
    CHECK(node.hears("news", 1));
    const core::StreamPosition before = node.last().position;

    std::string foreign = "not an envelope";
    const bool counts_to_the_end = GENERATE(false, true);
    const bool begins_by_reading = GENERATE(false, true);
    if (counts_to_the_end) {
        foreign = cluster::envelope_head(true, {1, 2}, 3);
        foreign += cluster::epoch_text(before.epoch) + " " +
                   std::to_string(std::numeric_limits<std::uint64_t>::max() - 1) + "\n";
        core::PublicationView publication{"news"};
        publication.payload = protocol::as_bytes("last");
        cluster::append_record(publication, foreign);
    }
    stranger.publish(kKept + "news", foreign);
    if (begins_by_reading) {
        const auto page = contract::read_history(*other, "news", &before);
        CHECK_FALSE(page.recovered);
        CHECK(page.publications.empty());
        CHECK(page.top.offset == 0);
        REQUIRE_FALSE(publish(*broker, "news", "a"));
        REQUIRE_FALSE(publish(*other, "news", "b"));
        const auto since = contract::read_history(*broker, "news", &page.top);
        CHECK(since.recovered);
        CHECK(contract::texts(since) == std::vector<std::string>{"a", "b"});
    } else {
        REQUIRE_FALSE(publish(*broker, "news", "a"));
        REQUIRE_FALSE(publish(*other, "news", "b"));
    }
    CHECK(eventually([&] {
        const auto heard = node.heard("news");
        return !heard.empty() && heard.back() == "b";
    }));
    CHECK(node.last().position.offset == 2);
    CHECK(node.last().position.epoch != before.epoch);
    CHECK_FALSE(node.gaps().empty());
}

TEST_CASE("of a batch that goes in parts nothing is acknowledged when a part is refused",
          "[nats][fault]") {
    const NatsServer nats("max_payload: 65536");
    Stranger stranger(nats);
    // Somebody has made the stream for smaller ones.
    const std::string made = stranger.ask(
        "$JS.API.STREAM.CREATE.pulse:-live",
        R"({"name":"pulse:-live","subjects":["pulse:.p.live.*"],"retention":"limits",)"
        R"("discard":"old","storage":"memory","max_msgs_per_subject":1,"num_replicas":1,)"
        R"("max_msg_size":20000,"republish":{"src":"pulse:.p.live.>","dest":"pulse:.c.>"}})");
    REQUIRE(made.find("\"error\"") == std::string::npos);
    NatsNodes nodes;
    const auto broker = nodes.add(nats.url());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    BrokerNode node(broker);
    node.listen("plain");
    for (int i = 0; i < 50; ++i) {
        std::promise<std::error_code> refused;
        std::promise<std::error_code> follows;
        const auto send = [&broker](std::size_t bytes, std::promise<std::error_code>& promise) {
            const std::string text(bytes, 'x');
            core::PublicationView publication{"plain"};
            publication.payload = protocol::as_bytes(text);
            broker->publish_confirmed(
                publication, [&promise](std::error_code error) { promise.set_value(error); });
        };
        send(25'000, refused);
        send(10'000, follows);
        REQUIRE(refused.get_future().get() == core::Error::broker_unavailable);
        (void)follows.get_future().get();
    }
}

TEST_CASE("when the stream of channels without history begins anew they are told of a gap",
          "[nats][fault]") {
    const NatsServer nats;
    Stranger stranger(nats);
    NatsNodes nodes;
    const auto broker = nodes.add(nats.url(), with_history());
    REQUIRE(eventually([&] { return broker->is_healthy(); }));
    BrokerNode node(broker);
    node.listen("plain");
    REQUIRE_FALSE(publish(*broker, "plain", "before"));
    CHECK(node.hears("plain", 1));
    CHECK(node.gaps().empty());
    // As when the server has died, of several, that had it: connections to others hold.
    (void)stranger.ask("$JS.API.STREAM.DELETE.pulse:-live", "");
    CHECK(eventually([&] { return node.gaps() == std::vector<std::string>{"plain"}; }));
    REQUIRE_FALSE(publish(*broker, "plain", "after"));
    CHECK(node.hears("plain", 2));
    CHECK(broker->stats().connects_total == 1);
}

TEST_CASE("words on NATS that no node has said harm nobody", "[nats][fault]") {
    const NatsServer nats;
    Stranger stranger(nats);
    NatsNodes nodes;
    const core::SystemClock clock;
    const auto one = nodes.add(nats.url(), with_history(), &clock);
    const auto two = nodes.add(nats.url(), with_history(), &clock);
    REQUIRE(eventually([&] { return one->is_healthy() && two->is_healthy(); }));
    BrokerNode node(two);
    node.listen("news");
    const auto nobody = [](std::uint64_t n) {
        return cluster::epoch_text(1) + cluster::epoch_text(n);
    };
    std::uint64_t n = 0;
    for (const char kind : std::string("wmqynhie?")) {
        for (const std::string& rest : {std::string(), std::string(4, '\xff'),
                                        std::string(12, '\xff'), std::string(200, 'x')}) {
            for (const char* subject : {"pulse:.c.=a", "pulse:.c.news"}) {
                stranger.publish(subject, std::string(1, kind) + nobody(++n) + rest);
            }
        }
    }
    stranger.publish("pulse:.c.=a", "");
    stranger.publish("pulse:.c.=a", "w" + std::string(32, '0'));
    // Many who greet, and begin words that they never end.
    for (int i = 0; i < 6'000; ++i) {
        stranger.publish("pulse:.c.=a", "h" + nobody(++n));
        stranger.publish("pulse:.c.news", "m" + nobody(n) + "x");
    }
    REQUIRE_FALSE(publish(*one, "news", "a"));
    CHECK(node.hears("news", 1));
    CHECK(two->stats().malformed_total > 0);
    CHECK(two->stats().connects_total == 1);
}
