// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A store on a Redis Cluster: all of it is of one slot, wherever that is.
#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"
#include "support/recording_log.hpp"
#include "support/redis_cluster.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/redis/slots.hpp>
#include <pulse/store/redis_store.hpp>

using namespace pulse;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using core::DocumentBatch;
using core::DocumentRange;
using test::eventually;

namespace {

const std::size_t kSlot = redis::slot_of("{pulse}:d");

struct OnSlots {
    OnSlots(std::size_t masters, std::size_t replicas, std::uint32_t kept_by = 0)
        : servers(masters, replicas) {
        options.retry_interval = 10ms;
        options.replicas = kept_by;
        store = open();
        REQUIRE(eventually([&] { return store->status().is_available(); }, 30s));
    }
    [[nodiscard]] std::unique_ptr<core::DocumentStore> open() {
        return store::make_redis_document_store(servers.url(), options, {clock, rng, log}).value();
    }
    /// Whether it was acknowledged.
    [[nodiscard]] bool count(const std::string& key) const {
        return test::commit(*store, DocumentBatch().add(key, 1)).has_value();
    }

    test::RedisCluster servers;
    std::size_t home = servers.first_owner(kSlot);
    test::ManualClock clock;
    core::SystemRng rng;
    test::RecordingLog log;
    store::RedisDocumentStoreOptions options;
    std::unique_ptr<core::DocumentStore> store;
};

}  // namespace

TEST_CASE("a store whose slot moves while it is written loses nothing and repeats nothing",
          "[store][redis][cluster][faults]") {
    OnSlots w(2, 0);
    REQUIRE(w.count("n"));
    const std::size_t to = 1 - w.home;
    std::atomic<bool> is_over = false;
    std::atomic<int> acknowledged = 1;
    std::atomic<int> failed = 0;  // a few in doubt, the others not done
    std::thread writer([&] {
        while (!is_over) {
            w.count("n") ? ++acknowledged : ++failed;
        }
    });
    const auto goes_on = [&] {
        const int before = acknowledged;
        return eventually([&] { return acknowledged > before + 20; }, 30s);
    };
    const bool went_on = goes_on();
    w.servers.move_slot(kSlot, w.home, to);
    const bool goes_on_there = goes_on();
    is_over = true;
    writer.join();
    CHECK(went_on);
    CHECK(goes_on_there);
    CHECK(w.servers.redis(to).ask("EXISTS {pulse}:d") == ":1\r\n");
    const auto counter = test::get(*w.store, "n");
    REQUIRE(counter.has_value());
    REQUIRE(counter->has_value());
    CHECK((*counter)->number().value() >= acknowledged);
    CHECK((*counter)->number().value() <= acknowledged + failed);

    // Whoever comes later finds the slot where it is.
    const auto late = w.open();
    REQUIRE(eventually([&] { return late->status().is_available(); }));
    CHECK(test::scan_all(*late, DocumentRange::prefix("n")).size() == 1);
}

TEST_CASE("what replicas of the store's slot had is there when its master is gone",
          "[store][redis][cluster][faults]") {
    OnSlots w(3, 3, 1);
    const std::size_t replica = w.home + 3;
    constexpr int kDocuments = 50;
    std::uint64_t last_version = 0;
    for (int i = 0; i < kDocuments; ++i) {
        const auto written =
            test::commit(*w.store, DocumentBatch().put("w/" + std::to_string(i), "1"));
        REQUIRE(written);
        last_version = written->version;
    }
    SECTION("killed") { w.servers.redis(w.home).kill(); }
    SECTION("silent") { w.servers.redis(w.home).pause(); }
    REQUIRE(w.servers.becomes_master(replica));
    // There is no replica now: nothing is acknowledged, but what is there can be read.
    REQUIRE(eventually(
        [&] { return w.store->status().text.find("0 of 1 replicas") != std::string::npos; }, 30s));
    CHECK(test::scan_all(*w.store, DocumentRange::prefix("w/")).size() == kDocuments);
    CHECK_FALSE(w.count("late"));

    // The one that was silent is told that it is a replica; nobody is led astray.
    w.servers.redis(w.home).kill();
    w.servers.redis(w.home).start();
    REQUIRE(eventually([&] { return w.store->status().is_available(); }, 75s));
    const auto written = test::commit(*w.store, DocumentBatch().put("version", "1"));
    REQUIRE(written);
    CHECK(written->version > last_version);
}

TEST_CASE("a store that finds no Redis Cluster says so", "[store][redis][cluster]") {
    test::ManualClock clock;
    core::SystemRng rng;
    test::RecordingLog log;
    store::RedisDocumentStoreOptions options;
    options.answer_timeout = 200ms;
    const auto store =
        store::make_redis_document_store("redis+cluster://127.0.0.1:1", options, {clock, rng, log})
            .value();
    CHECK_FALSE(store->status().is_available());
    CHECK_THAT(store->status().text, Contains("Connection refused"));
}
