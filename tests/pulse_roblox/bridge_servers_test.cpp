// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/bridge_fixture.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace pulse;
using namespace pulse::roblox;
using namespace std::chrono_literals;
using test::BridgeFixture;
using test::kGame;

TEST_CASE("A server is gone after 90 seconds of silence, or when it says so", "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.hello("job-1");
    fixture.hello("job-2");
    fixture.hello("job-3", ServerTransport::hybrid);
    CHECK(fixture.stats().game_servers == 3);
    fixture.run_for(60s);
    fixture.poll("job-3", {}, 0s);
    (void)fixture.bridge->uplink(kGame, BridgeFixture::batch("job-2", 1, {}));
    fixture.run_for(40s);
    CHECK(fixture.stats().game_servers == 2);
    fixture.bridge->bye(kGame, "job-2");
    fixture.bridge->bye(kGame, "job-2");
    REQUIRE(fixture.bridge->servers(kGame).size() == 1);
    CHECK(fixture.bridge->servers(kGame)[0].server == "job-3");
    CHECK(fixture.bridge->servers(kGame)[0].last_seen_ms == 40'000);
    CHECK(fixture.bridge->servers(kGame)[0].transport == ServerTransport::hybrid);
    fixture.run_for(60s);
    CHECK(fixture.stats().game_servers == 0);
    CHECK_FALSE(fixture.bridge->next_due().has_value());
}

TEST_CASE("More shards are used once every server listens to them, fewer at once",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    const auto say = [&](std::string server, unsigned shards) {
        ServerHello hello{.server = std::move(server), .shards = shards};
        hello.speaks_v1 = true;
        return fixture.bridge->hello(kGame, hello)->shards;
    };
    const auto used = [&] {
        fixture.cloud.sent.clear();
        for (int i = 0; i < 40; ++i) fixture.publish("topic-" + std::to_string(i), "1");
        fixture.run_for(2s);
        std::vector<std::string> topics;
        for (const auto& sent : fixture.cloud.sent) topics.push_back(sent.real_topic);
        std::sort(topics.begin(), topics.end());
        topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
        return topics.size();
    };
    CHECK(say("job-1", 3) == 3);
    CHECK(say("job-2", 3) == 3);
    CHECK(used() == 3);
    (void)fixture.bridge->set_universe(
        kGame, {.mode = Mode::v1, .shards = 5, .key_version = 1, .key_owner = 7});
    CHECK(used() == 3);
    CHECK(say("job-1", 5) == 5);
    CHECK(used() == 3);
    CHECK(say("job-2", 5) == 5);
    CHECK(used() == 5);
    (void)fixture.bridge->set_universe(
        kGame, {.mode = Mode::v1, .shards = 2, .key_version = 1, .key_owner = 7});
    CHECK(used() == 2);
}

TEST_CASE("Frames are compressed when every server can read that, and large items fetched",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    const auto say = [&](std::string server, bool zstd, bool http) {
        ServerHello hello{.server = std::move(server)};
        hello.speaks_v1 = true;
        hello.has_zstd = zstd;
        hello.has_http = http;
        return fixture.bridge->hello(kGame, hello).has_value();
    };
    const auto types = [&] {
        fixture.cloud.sent.clear();
        for (int i = 0; i < 300; ++i) fixture.publish("t", R"({"some":"text","and":"more"})");
        fixture.publish("large", '"' + std::string(8'000, 'x') + '"');
        fixture.run_for(3min);
        std::string found;
        for (const auto& sent : fixture.cloud.sent) {
            if (found.find(sent.text[2]) == std::string::npos) found += sent.text[2];
        }
        std::sort(found.begin(), found.end());
        return found;
    };
    REQUIRE(say("job-1", true, true));
    if (has_zstd()) CHECK(types().find('Z') != std::string::npos);
    REQUIRE(say("job-1", true, true));
    CHECK(types().find('G') != std::string::npos);
    // The item is there for a minute, for this universe only.
    REQUIRE(say("job-1", true, true));
    fixture.cloud.sent.clear();
    fixture.publish("large", '"' + std::string(8'000, 'x') + '"');
    fixture.run_for(1s);
    REQUIRE(fixture.cloud.sent.size() == 1);
    const auto claim = decode_claim(*decode_frame(fixture.cloud.sent[0].text));
    REQUIRE(claim.has_value());
    const std::string* item = fixture.bridge->blob(kGame, claim->token);
    REQUIRE(item != nullptr);
    CHECK(decode_item(*item)->message.size() == 8'002);
    fixture.add({5});
    CHECK(fixture.bridge->blob({5}, claim->token) == nullptr);
    CHECK(fixture.bridge->blob(kGame, "other") == nullptr);
    fixture.run_for(60s);
    CHECK(fixture.bridge->blob(kGame, claim->token) == nullptr);

    REQUIRE(say("job-1", true, true));
    REQUIRE(say("job-2", false, false));
    CHECK(types() == "BC");
}

TEST_CASE("What game servers publish themselves is taken off the budget", "[roblox][bridge]") {
    BridgeFixture fixture;
    ServerHello hello{.server = "job-1", .published = 300};
    hello.speaks_v1 = true;
    (void)fixture.bridge->hello(kGame, hello);
    CHECK(fixture.stats().quota_used == Approx(0.5));
    CHECK(fixture.stats().limit_per_minute == 600);
}

TEST_CASE("A hello says which numbers have been used, so that losses at the end show",
          "[roblox][bridge]") {
    BridgeFixture fixture;
    fixture.hello("job-1");
    fixture.publish("t", "1", {Target::Kind::server, "job-1"});
    fixture.run_for(1s);
    const HelloReply reply = fixture.hello("job-1");
    CHECK(reply.epoch.size() == kEpochBytes);
    REQUIRE(reply.heads.size() == 4);  // three shards and its own
    CHECK(reply.heads.back().real_topic == "pulse.s.job-1");
    CHECK(reply.heads.back().seq == 1);
    CHECK(reply.heads[0].seq == 0);
}

TEST_CASE("Frames that were missed are brought by the next batch", "[roblox][bridge]") {
    BridgeFixture fixture;
    const std::string epoch = fixture.hello("job-1").epoch;
    fixture.publish("t", "1");
    fixture.run_for(1s);
    fixture.publish("t", "2");
    fixture.run_for(1s);
    fixture.publish("t", "3", {Target::Kind::server, "job-2"});
    fixture.run_for(1s);
    REQUIRE(fixture.cloud.sent.size() == 3);
    const std::string topic = fixture.cloud.sent[0].real_topic;
    UplinkBatch batch = BridgeFixture::batch("job-1", 1, {});
    batch.missing = {{epoch, topic, 1, 3}, {epoch, "pulse.s.job-2", 1, 1}, {"zzzzzz", topic, 1, 1}};
    const auto reply = fixture.bridge->uplink(kGame, batch);
    REQUIRE(reply.has_value());
    REQUIRE(reply->repaired.size() == 2);
    CHECK(reply->repaired[0].text == fixture.cloud.sent[0].text);
    CHECK(reply->repaired[1].text == fixture.cloud.sent[1].text);
    REQUIRE(reply->gone.size() == 3);
    CHECK(reply->gone[0] == MissingRange{epoch, topic, 3, 3});
    CHECK(reply->gone[1].real_topic == "pulse.s.job-2");  // not for its eyes
    CHECK(fixture.bridge->metrics().frames_repaired == 2);

    // One that Roblox refused was never there.
    fixture.cloud.script = {{.http = 400}};
    fixture.publish("t", "4");
    fixture.run_for(1s);
    batch.batch = "job-1-2";
    batch.missing = {{epoch, topic, 3, 3}};
    const auto second = fixture.bridge->uplink(kGame, batch);
    CHECK(second->repaired.empty());
    REQUIRE(second->voided.size() == 1);
    CHECK(second->gone.empty());
}

TEST_CASE("A request for everything that ever was is answered in part", "[roblox][bridge]") {
    BridgeFixture fixture;
    const std::string epoch = fixture.hello("job-1").epoch;
    UplinkBatch batch = BridgeFixture::batch("job-1", 1, {});
    for (int i = 0; i < 64; ++i) batch.missing.push_back({epoch, "pulse.b0", 1, 1ULL << 53U});
    const auto reply = fixture.bridge->uplink(kGame, batch);
    REQUIRE(reply.has_value());
    CHECK(reply->gone.size() == 1);
    CHECK(reply->gone[0].last == FrameRingOptions{}.max_answer);
}

TEST_CASE("Large items that fit no frame any more cost no leave to publish", "[roblox][bridge]") {
    BridgeFixture fixture;
    const auto say = [&](std::string server, bool http) {
        ServerHello hello{.server = std::move(server)};
        hello.speaks_v1 = true;
        hello.has_http = http;
        REQUIRE(fixture.bridge->hello(kGame, hello));
    };
    for (int i = 0; i < 6; ++i) {
        say("job-1", true);
        fixture.publish("large", '"' + std::string(100'000, 'x') + '"');
        say("job-2", false);  // cannot fetch it
        fixture.run_for(1s);
        fixture.bridge->bye(kGame, "job-2");
    }
    CHECK(fixture.count(Outcome::too_large) == 6);
    CHECK(fixture.cloud.sent.empty());
    fixture.publish("small", "1");
    fixture.run_for(1s);
    CHECK(fixture.cloud.sent.size() == 1);
    CHECK(fixture.count(Outcome::accepted) == 1);
}
