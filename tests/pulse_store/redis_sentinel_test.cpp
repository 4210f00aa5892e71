// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Failover of the store's Redis by real sentinels.
#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"
#include "support/recording_log.hpp"
#include "support/redis_sentinels.hpp"

#include <memory>
#include <string>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/store/redis_store.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using core::DocumentBatch;
using core::DocumentRange;
using test::eventually;

namespace {

struct Watched {
    [[nodiscard]] core::Result<std::unique_ptr<core::DocumentStore>> open(const std::string& url) {
        store::RedisDocumentStoreOptions options;
        options.retry_interval = 10ms;
        options.replicas = 1;
        return store::make_redis_document_store(url, std::move(options), {clock, rng, log});
    }

    test::RedisSentinels servers;
    test::ManualClock clock;
    core::SystemRng rng;
    test::RecordingLog log;
};

}  // namespace

TEST_CASE("what replicas had is there after a failover, and what comes later is newer",
          "[store][redis][sentinel][faults]") {
    Watched w;
    const auto store = w.open(w.servers.url()).value();
    // Its first look at the sentinels may have been too early.
    REQUIRE(eventually([&] { return store->status().is_available(); }));
    constexpr int kDocuments = 50;
    std::uint64_t last_version = 0;
    for (int i = 0; i < kDocuments; ++i) {
        const auto written =
            test::commit(*store, DocumentBatch().put("w/" + std::to_string(i), "1"));
        REQUIRE(written);
        last_version = written->version;
    }

    SECTION("of a master that dies") { w.servers.redis(0).kill(); }
    SECTION("of a master that is silent") { w.servers.redis(0).pause(); }
    REQUIRE(w.servers.becomes_master(1));
    // There is no replica now: nothing is acknowledged, but what is there can be read.
    REQUIRE(eventually(
        [&] { return store->status().text.find("0 of 1 replicas") != std::string::npos; }, 30s));
    CHECK(test::scan_all(*store, DocumentRange::prefix("w/")).size() == kDocuments);
    CHECK_FALSE(test::commit(*store, DocumentBatch().put("late", "1")));

    w.servers.redis(0).kill();
    w.servers.redis(0).start();
    REQUIRE(eventually([&] { return store->status().is_available(); }, 75s));
    const auto written = test::commit(*store, DocumentBatch().put("version", "1"));
    REQUIRE(written);
    CHECK(written->version > last_version);
    CHECK(w.log.count("store_recovered") >= 1);
}

TEST_CASE("a store whose sentinels know no master says so", "[store][redis][sentinel]") {
    Watched w;
    const auto store = w.open("redis+sentinel://" + w.servers.hosts() + "/other").value();
    CHECK_THAT(store->status().text, Contains("No such master"));
}
