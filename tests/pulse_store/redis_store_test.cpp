// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is particular to the engine on Redis: sharing, bounds, and what it makes of a Redis that is
// not as it should be.
#include "support/free_port.hpp"
#include "support/redis_store_fixture.hpp"

#include <limits>
#include <random>
#include <set>

using namespace pulse;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using core::DocumentBatch;
using core::DocumentRange;
using core::Error;

namespace {

/// As soon as the store's status says this.
bool becomes(const core::DocumentStore& store, const char* text) {
    return test::eventually([&] { return store.status().text.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("stores on one Redis see each other's documents", "[store][redis]") {
    test::RedisStoreFixture f;
    auto a = f.open_well();
    auto b = f.open_well();
    const auto first = test::commit(*a, DocumentBatch().put("room", "1").add("n", 1)).value();
    CHECK(test::text_of(*b, "room") == "1");
    const auto second =
        test::commit(
            *b, DocumentBatch().require_version("room", first.version).put("room", "2").add("n", 1))
            .value();
    CHECK(second.version > first.version);
    CHECK(second.counters[0] == 2);
    CHECK(test::commit(*a, DocumentBatch().require_version("room", first.version).remove("room"))
              .error() == Error::document_conflict);
    CHECK(test::listed(test::scan_all(*a, {})) == "n=2 room=2");
    const auto third = test::commit(*a, DocumentBatch().remove("room")).value();
    CHECK(third.version > second.version);
    CHECK_FALSE(test::text_of(*b, "room"));
}

TEST_CASE("all keys of a store have its tag, and stores with different ones are apart",
          "[store][redis]") {
    test::RedisStoreFixture f;
    auto a = f.open_well();
    f.options.prefix = "another:one";
    auto b = f.open_well();
    CHECK(test::commit(*a, DocumentBatch().put("k", "a", 1h)));
    CHECK(test::commit(*b, DocumentBatch().put("k", "b", 1h)));
    CHECK(test::text_of(*a, "k") == "a");
    CHECK(test::text_of(*b, "k") == "b");
    CHECK(f.redis.ask("DBSIZE") == ":10\r\n");
    for (const char* key : {"{pulse}:d", "{pulse}:k", "{pulse}:x", "{pulse}:m", "{another:one}:d",
                            "{another:one}:k", "{another:one}:x", "{another:one}:m"}) {
        CHECK(f.redis.ask(std::string("EXISTS ") + key) == ":1\r\n");
    }
}

TEST_CASE("an address or a prefix that is none is refused", "[store][redis]") {
    const test::ManualClock clock;
    core::SystemRng rng;
    core::NullLog log;
    const auto error = [&](const char* url, const char* prefix) {
        store::RedisDocumentStoreOptions options;
        options.prefix = prefix;
        const auto made = store::make_redis_document_store(url, options, {clock, rng, log});
        REQUIRE_FALSE(made);
        return made.error();
    };
    CHECK(error("http://host", "p").message() == "not an address of a Redis");
    const std::string long_prefix(65, 'p');
    for (const char* prefix : {"", "a b", "a{b", "a}b", "a\n", long_prefix.c_str()}) {
        CAPTURE(prefix);
        CHECK(error("unix:///nowhere", prefix) == std::errc::invalid_argument);
    }
    CHECK(store::is_redis_store_prefix(std::string(64, 'p')));
}

TEST_CASE("counters add up as 64-bit numbers do, to the last digit", "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    std::mt19937_64 random(7);
    constexpr std::int64_t kEdges[] = {0,
                                       1,
                                       -1,
                                       9'999'999'999,
                                       10'000'000'000,
                                       -10'000'000'000,
                                       (std::int64_t{1} << 53) + 1,
                                       999'999'999'999'999,
                                       std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min()};
    const auto number = [&](int i) {
        if (i % 3 == 0) return kEdges[random() % std::size(kEdges)];
        return static_cast<std::int64_t>(random()) >> (random() % 64);
    };
    for (int i = 0; i < 1'000; ++i) {
        const std::int64_t before = number(i);
        const std::int64_t delta = number(i + static_cast<int>(random() % 2));
        CAPTURE(before, delta);
        const auto result =
            test::commit(*store, DocumentBatch().put("n", std::to_string(before)).add("n", delta));
        const auto wanted = core::counter_sum(before, delta);
        REQUIRE(result.has_value() == wanted.has_value());
        if (!result) {
            REQUIRE(result.error() == Error::not_a_counter);
            continue;
        }
        REQUIRE(result->counters[0] == *wanted);
        REQUIRE(test::text_of(*store, "n") == std::to_string(*wanted));
    }
}

TEST_CASE("what does not fit is refused, what makes room is not", "[store][redis]") {
    test::RedisStoreFixture f;
    f.options.max_documents = 3;
    f.options.max_bytes = 100;
    auto store = f.open_well();
    const auto error = [&](DocumentBatch batch) {
        const auto result = test::commit(*store, std::move(batch));
        REQUIRE_FALSE(result);
        return result.error();
    };
    CHECK(test::commit(*store, DocumentBatch().put("a", "1").put("b", "1").put("c", "1")));
    CHECK(store->stats().stored_bytes == 6);
    CHECK(error(DocumentBatch().put("d", "1")) == Error::store_full);
    CHECK(error(DocumentBatch().put("a", std::string(96, 'x'))) == Error::store_full);
    CHECK(error(DocumentBatch().add("n", 1)) == Error::store_full);
    CHECK(test::commit(*store, DocumentBatch().put("d", "1").remove("a")));
    CHECK(test::commit(*store, DocumentBatch().put("b", std::string(93, 'x'))));
    CHECK(store->stats().stored_bytes == 98);
    CHECK(error(DocumentBatch().put("b", std::string(96, 'x'))) == Error::store_full);
    CHECK(store->status().is_available());
    store.reset();
    // Above the bounds of another node's, smaller is still fine.
    f.options.max_bytes = 10;
    store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("b", std::string(50, 'x'))));
    CHECK(test::commit(*store, DocumentBatch().remove("b").remove("c").remove("d")));
    CHECK(store->stats().stored_bytes == 0);
    // The state, the store's id, and two sessions.
    CHECK(f.redis.ask("DBSIZE") == ":4\r\n");
}

TEST_CASE("a Redis without memory refuses what grows, and nothing else", "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1").put("b", "1")));
    CHECK(f.redis.ask("CONFIG SET maxmemory 1") == "+OK\r\n");
    CHECK(test::commit(*store, DocumentBatch().put("c", "1").remove("a")).error() ==
          Error::store_full);
    CHECK(test::listed(test::scan_all(*store, {})) == "a=1 b=1");
    CHECK(store->status().error == Error::store_full);
    CHECK(store->status().text == "Redis has reached its maxmemory");
    CHECK(test::commit(*store, DocumentBatch().remove("a")));
    CHECK_FALSE(test::text_of(*store, "a"));
    CHECK(test::commit(*store, DocumentBatch().remove("never")));
    CHECK(store->status().error == Error::store_full);
    // Also on a connection that is made now.
    CHECK(f.redis.ask("CLIENT KILL TYPE normal") == ":1\r\n");
    CHECK(test::eventually(
        [&] { return test::commit(*store, DocumentBatch().remove("b")).has_value(); }));
    CHECK(test::scan_all(*store, {}).empty());
    // Beside one that cannot be done, one that can is.
    auto put = test::ask_commit(*store, DocumentBatch().put("d", "1"));
    auto conflict =
        test::ask_commit(*store, DocumentBatch().require_present("never").put("e", "1"));
    CHECK(put.take().error() == Error::store_full);
    CHECK(conflict.take().error() == Error::document_conflict);
    // It is known by itself when there is memory again, and not before.
    CHECK(becomes(*store, "maxmemory"));
    CHECK(f.redis.ask("CONFIG SET maxmemory 0") == "+OK\r\n");
    CHECK(f.becomes_available(*store));
    CHECK(test::commit(*store, DocumentBatch().put("c", "1")));
    CHECK(f.log.count("store_recovered") >= 1);
}

TEST_CASE("a Redis that refuses writes is read, and written when it takes them again",
          "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    CHECK(f.redis.ask("CONFIG SET min-replicas-to-write 1") == "+OK\r\n");
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")).error() == Error::store_unavailable);
    CHECK_THAT(store->status().text, Contains("NOREPLICAS"));
    CHECK(test::text_of(*store, "a") == "1");
    CHECK(f.redis.ask("CONFIG SET min-replicas-to-write 0") == "+OK\r\n");
    CHECK(f.becomes_available(*store));
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")));
}

TEST_CASE("expired documents are removed by one node", "[store][redis]") {
    test::RedisStoreFixture f;
    auto a = f.open_well();
    auto b = f.open_well();
    const auto fill = [&](int from, int n) {
        for (int i = from; i < from + n;) {
            DocumentBatch batch;
            for (int k = 0; k < 500 && i < from + n; ++k, ++i) {
                batch.put("e" + std::to_string(i), "1", 10ms);
            }
            REQUIRE(test::commit(*a, std::move(batch)));
        }
    };
    fill(0, 1'000);
    f.clock.advance(10ms);
    const auto expired = [&] { return a->stats().expired + b->stats().expired; };
    CHECK(test::eventually([&] { return expired() == 1'000; }));
    // Whoever was first did all of it.
    CHECK((a->stats().expired == 0 || b->stats().expired == 0));
    fill(1'000, 500);
    f.clock.advance(10ms);
    CHECK(test::eventually([&] { return expired() == 1'500; }));
    CHECK((a->stats().expired == 0 || b->stats().expired == 0));
    CHECK(test::eventually([&] {
        (void)test::commit(*a, DocumentBatch().remove("none"));
        return a->stats().stored_bytes == 0;
    }));
    // When it ends, another does.
    const bool was_a = a->stats().expired > 0;
    fill(2'000, 1);
    (was_a ? a : b).reset();
    auto& left = was_a ? *b : *a;
    f.clock.advance(10ms);
    CHECK(test::eventually([&] { return left.stats().expired == 1; }));
}

TEST_CASE("many expired documents are no obstacle to a scan", "[store][redis]") {
    test::RedisStoreFixture f;
    f.options.sweep_interval = 1h;
    auto store = f.open_well();
    for (int i = 0; i < 12'000;) {
        DocumentBatch batch;
        for (int k = 0; k < 1'000; ++k, ++i) batch.put("e" + std::to_string(i), "1", 10ms);
        REQUIRE(test::commit(*store, std::move(batch)));
    }
    CHECK(test::commit(*store, DocumentBatch().put("a", "1").put("z", "1")));
    f.clock.advance(10ms);
    const auto page = test::scan(*store, {}).value();
    CHECK(test::listed(page.documents) == "a=1 z=1");
    CHECK_FALSE(page.next);
    CHECK(store->stats().waiting == 0);
}

TEST_CASE("large values are read in pages that fit", "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    std::string text;
    for (int i = 0; i < 20; ++i) {
        const std::string key = "k" + std::to_string(100 + i);
        CHECK(test::commit(*store, DocumentBatch().put(key, std::string(300'000, 'x'))));
        text += key;
    }
    DocumentRange range;
    std::string seen;
    for (;;) {
        const auto page = test::scan(*store, range).value();
        CHECK(page.documents.size() <= 3);
        for (const auto& document : page.documents) {
            CHECK(document.value.size() == 300'000);
            seen += document.key;
        }
        if (!page.next) break;
        range.begin = *page.next;
    }
    CHECK(seen == text);
}

TEST_CASE("a store that is gone from Redis is not begun anew under who used it", "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    const auto before = test::commit(*store, DocumentBatch().put("a", "1")).value().version;
    CHECK(f.redis.ask("FLUSHALL") == "+OK\r\n");
    SECTION("found by a write") {
        CHECK(test::commit(*store, DocumentBatch().put("b", "1")).error() ==
              Error::store_unavailable);
    }
    SECTION("found by a read") {
        CHECK(test::get(*store, "a").error() == Error::store_unavailable);
    }
    SECTION("found by a scan") {
        CHECK(test::scan(*store, {}).error() == Error::store_unavailable);
    }
    CHECK(becomes(*store, "gone from Redis"));
    CHECK(f.redis.ask("DBSIZE") == ":0\r\n");
    // Who comes without having known it begins anew, with versions that were never given.
    auto fresh = f.open_well();
    CHECK(test::commit(*fresh, DocumentBatch().put("a", "1")).value().version > before);
    CHECK(test::get(*store, "a").error() == Error::store_unavailable);
    CHECK(becomes(*store, "gone from Redis"));
    CHECK(f.log.count("store_unavailable") == 1);
}

TEST_CASE("keys of another program, and a later format, are left alone", "[store][redis]") {
    test::RedisStoreFixture f;
    SECTION("another program's") {
        CHECK(f.redis.ask("SET {pulse}:m text") == "+OK\r\n");
        auto store = f.open();
        CHECK(store->status().error == Error::store_incompatible);
        CHECK(test::get(*store, "a").error() == Error::store_incompatible);
        CHECK(f.redis.ask("DBSIZE") == ":1\r\n");
        CHECK(f.redis.ask("DEL {pulse}:m") == ":1\r\n");
        CHECK(f.becomes_available(*store));
    }
    SECTION("a later format") {
        CHECK(f.redis.ask("HSET {pulse}:m format 2") == ":1\r\n");
        auto store = f.open();
        CHECK(store->status().error == Error::store_incompatible);
        CHECK(store->status().text == "the store has format 2, this program knows format 1");
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")).error() ==
              Error::store_incompatible);
    }
    SECTION("a damaged record") {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1").put("b", "1")));
        CHECK(f.redis.ask("HSET {pulse}:d a damaged") == ":0\r\n");
        CHECK(test::get(*store, "a").error() == Error::store_corrupt);
        CHECK(test::scan(*store, {}).error() == Error::store_corrupt);
        CHECK(test::text_of(*store, "b") == "1");
    }
}

TEST_CASE("scripts that were thrown away are loaded again", "[store][redis]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    CHECK(f.redis.ask("SCRIPT FLUSH") == "+OK\r\n");
    CHECK(test::eventually(
        [&] { return test::commit(*store, DocumentBatch().put("a", "1")).has_value(); }));
    CHECK(test::text_of(*store, "a") == "1");
    CHECK(f.becomes_available(*store));
}

TEST_CASE("a shard of a cluster holds all of a store", "[store][redis]") {
    const std::string port = std::to_string(test::free_port());
    const std::string bus = std::to_string(test::free_port());
    test::RedisStoreFixture f(
        {"--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", port, "--cluster-port", bus});
    auto store = f.open();
    CHECK_THAT(store->status().text, Contains("CLUSTERDOWN"));
    CHECK(f.redis.ask("CLUSTER ADDSLOTSRANGE 0 16383") == "+OK\r\n");
    REQUIRE(f.becomes_available(*store));
    CHECK(test::commit(*store, DocumentBatch().put("a", "1", 10ms).put("b", "1").add("n", 1)));
    CHECK(test::listed(test::scan_all(*store, {})) == "a=1 b=1 n=1");
    f.clock.advance(10ms);
    CHECK(test::eventually([&] { return store->stats().expired == 1; }));
    CHECK(test::text_of(*store, "b") == "1");
}

TEST_CASE("what a Redis does not keep is said at the start", "[store][redis]") {
    SECTION("no append-only file") {
        test::RedisStoreFixture f;
        auto store = f.open_well();
        CHECK(f.log.count("store_opened address=" + f.redis.path() +
                          " append_only_file=false appendfsync=everysec") == 1);
        CHECK(f.log.count("store_not_durable") == 1);
        auto again = f.open_well();
        CHECK(f.log.count("store_not_durable") == 2);
    }
    SECTION("an append-only file that nobody syncs") {
        test::RedisStoreFixture f({"--appendonly", "yes", "--appendfsync", "no"});
        auto store = f.open_well();
        CHECK(f.log.count("store_not_durable") == 1);
    }
    SECTION("a good one, in a Redis that evicts") {
        std::vector<std::string> options = test::append_only();
        for (const char* word : {"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}) {
            options.emplace_back(word);
        }
        test::RedisStoreFixture f(options);
        auto store = f.open_well();
        CHECK(f.log.count("append_only_file=true appendfsync=always") == 1);
        CHECK(f.log.count("store_not_durable") == 0);
        CHECK(f.log.count("store_may_be_evicted") == 1);
    }
}

TEST_CASE("the rights that the documentation names are enough", "[store][redis]") {
    test::RedisStoreFixture f;
    CHECK(f.redis.ask("ACL SETUSER node on >secret ~{pulse}:* +ping +info +select +script|load "
                      "+evalsha +hget +hmget +hset +hdel +hstrlen +exists +zadd +zrem +zcard "
                      "+zrangebylex +zrangebyscore +get +set +del +pttl +pexpire +time") ==
          "+OK\r\n");
    CHECK(f.redis.ask("ACL SETUSER default off") == "+OK\r\n");
    SECTION("of a user") {
        f.url = "unix://node:secret@" + f.redis.path();
        auto store = f.open_well();
        CHECK(f.log.count("appendfsync=unknown") == 1);
        CHECK(test::commit(*store, DocumentBatch().put("a", "1", 10ms).add("n", 1).put("b", "1")));
        CHECK(test::commit(*store, DocumentBatch().remove("b")));
        f.clock.advance(10ms);
        CHECK(test::eventually([&] { return store->stats().expired == 1; }));
        CHECK(test::listed(test::scan_all(*store, {})) == "n=1");
        CHECK(store->status().is_available());
    }
    SECTION("and without them it says so") {
        auto store = f.open();
        CHECK(store->status().error == Error::store_unavailable);
        CHECK_THAT(store->status().text, Contains("NOAUTH"));
    }
}
