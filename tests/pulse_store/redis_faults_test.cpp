// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis that is killed, stopped, cut off, or another one than before.
#include "support/free_port.hpp"
#include "support/redis_store_fixture.hpp"
#include "support/unix_proxy.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

using namespace pulse;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using core::DocumentBatch;
using core::DocumentRange;
using core::Error;

namespace {

/// Callers that each write documents of their own, one after another, and remember what came of it.
class Writers {
  public:
    explicit Writers(core::DocumentStore& store) {
        for (int i = 0; i < kWriters; ++i)
            threads_.emplace_back([this, &store, i] { run(store, i); });
    }
    ~Writers() { stop(); }
    Writers(const Writers&) = delete;
    Writers& operator=(const Writers&) = delete;

    void stop() {
        must_stop_ = true;
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    [[nodiscard]] int done() const { return done_; }
    [[nodiscard]] int failed() const { return failed_; }

    /// What was acknowledged is there, with the version that was told; each version was told once;
    /// what was not acknowledged was done or not, and never twice.
    void check(core::DocumentStore& store) {
        std::set<std::uint64_t> versions;
        std::map<std::string, std::uint64_t> there;
        for (const auto& document : test::scan_all(store, DocumentRange::prefix("w/"))) {
            there[document.key] = document.version;
            versions.insert(document.version);
        }
        CHECK(versions.size() == there.size());
        std::size_t lost = 0;
        for (const auto& [key, version] : acknowledged_) {
            const auto found = there.find(key);
            lost += found == there.end() || found->second != version;
        }
        CHECK(lost == 0);
        CHECK(test::text_of(store, "count") == std::to_string(there.size()));
        CHECK(there.size() >= acknowledged_.size());
        CHECK(there.size() <= acknowledged_.size() + static_cast<std::size_t>(failed_));
        CHECK(refused_otherwise_ == 0);
    }

  private:
    static constexpr int kWriters = 3;

    void run(core::DocumentStore& store, int me) {
        for (int n = 0; !must_stop_; ++n) {
            const std::string key = "w/" + std::to_string(me) + "/" + std::to_string(n);
            const auto result = test::commit(
                store, DocumentBatch().require_absent(key).put(key, "1").add("count", 1));
            if (result) {
                const std::lock_guard lock(mutex_);
                acknowledged_[key] = result->version;
                ++done_;
                continue;
            }
            ++failed_;
            if (result.error() != Error::store_unavailable) ++refused_otherwise_;
            std::this_thread::sleep_for(1ms);  // as one does who was told that it is away
        }
    }

    std::mutex mutex_;
    std::map<std::string, std::uint64_t> acknowledged_;
    std::atomic<int> done_{0};
    std::atomic<int> failed_{0};
    std::atomic<int> refused_otherwise_{0};
    std::atomic<bool> must_stop_{false};
    std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("a Redis that was killed comes back with all that was acknowledged",
          "[store][redis][faults]") {
    test::RedisStoreFixture f(test::append_only());
    auto store = f.open_well();
    std::uint64_t last_version = 0;
    Writers writers(*store);
    for (int round = 0; round < 3; ++round) {
        const int enough = writers.done() + 100;
        REQUIRE(test::eventually([&] { return writers.done() >= enough; }));
        f.redis.kill();
        REQUIRE(test::eventually([&] { return !store->status().is_available(); }));
        CHECK(store->status().error == Error::store_unavailable);
        CHECK_THAT(store->status().text, Contains("cannot reach Redis"));
        f.redis.start();
        REQUIRE(f.becomes_available(*store));
        const auto written = test::commit(*store, DocumentBatch().put("version", "1"));
        REQUIRE(written);
        // Versions that were lost with a run are never given again.
        CHECK(written->version >= last_version + (std::uint64_t{1} << 24U));
        last_version = written->version;
    }
    writers.stop();
    writers.check(*store);
    CHECK(f.log.count("store_recovered") >= 3);
}

TEST_CASE("connections that are cut leave nothing done twice and nothing lost",
          "[store][redis][faults]") {
    test::RedisStoreFixture f;
    test::UnixProxy proxy(f.redis.path());
    f.url = proxy.url();
    auto store = f.open_well();
    Writers writers(*store);
    for (int round = 0; round < 10; ++round) {
        const int enough = writers.done() + 50;
        REQUIRE(test::eventually([&] { return writers.done() >= enough; }));
        proxy.cut();
    }
    const int enough = writers.done() + 50;
    REQUIRE(test::eventually([&] { return writers.done() >= enough; }));
    writers.stop();
    CHECK(writers.failed() > 0);
    REQUIRE(f.becomes_available(*store));
    writers.check(*store);
}

TEST_CASE("a Redis that stands still is given up, and what was under way is in doubt",
          "[store][redis][faults]") {
    test::RedisStoreFixture f;
    f.options.answer_timeout = 300ms;
    f.options.limits.max_waiting = 50;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().add("n", 1)));
    f.redis.pause();
    std::vector<test::CommitAnswer> answers;
    for (int i = 0; i < 60; ++i) {
        // More than Redis reads from a socket at once.
        answers.push_back(test::ask_commit(
            *store, DocumentBatch().put("large", std::string(20'000, 'x')).add("n", 1)));
    }
    CHECK(answers[55].take().error() == Error::store_overloaded);
    for (int i = 0; i < 50; ++i) {
        CHECK(answers[static_cast<std::size_t>(i)].take().error() == Error::store_unavailable);
    }
    CHECK_FALSE(store->status().is_available());
    CHECK(test::get(*store, "n").error() == Error::store_unavailable);
    CHECK(test::scan(*store, {}).error() == Error::store_unavailable);
    CHECK(store->stats().waiting == 0);
    CHECK(store->stats().waiting_bytes == 0);
    f.redis.resume();
    REQUIRE(f.becomes_available(*store));
    const auto n = test::get(*store, "n").value()->number().value();
    CHECK(n >= 1);
    CHECK(n <= 51);
    // Nothing of it is done after it was read.
    CHECK(test::commit(*store, DocumentBatch().add("n", 1)).value().counters[0] == n + 1);
    CHECK(test::text_of(*store, "n") == std::to_string(n + 1));
}

TEST_CASE("a Redis that is not there at the start is used when it is", "[store][redis][faults]") {
    test::RedisStoreFixture f;
    f.redis.kill();
    auto store = f.open();
    CHECK_FALSE(store->status().is_available());
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")).error() == Error::store_unavailable);
    f.redis.start();
    REQUIRE(f.becomes_available(*store));
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
}

TEST_CASE("a Redis that forgot everything is no place to go on", "[store][redis][faults]") {
    test::RedisStoreFixture f;
    auto store = f.open_well();
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    f.redis.restart();
    CHECK(test::eventually(
        [&] { return store->status().text.find("gone from Redis") != std::string::npos; }));
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")).error() == Error::store_unavailable);
    CHECK(f.redis.ask("DBSIZE") == ":0\r\n");
}

TEST_CASE("closing answers everybody, whatever Redis does", "[store][redis][faults]") {
    test::RedisStoreFixture f;
    f.options.answer_timeout = 200ms;
    auto store = f.open_well();
    f.redis.pause();
    auto write = test::ask_commit(*store, DocumentBatch().put("a", "1"));
    test::GetAnswer read;
    store->get("a", read.done());
    test::close(*store);
    CHECK(write.take().error() == Error::store_unavailable);
    CHECK(read.take().error() == Error::store_unavailable);
    CHECK(store->status().error == Error::shutting_down);
    f.redis.resume();
}

TEST_CASE("a batch is answered when the replicas have it, or in doubt", "[store][redis][faults]") {
    const std::string port = std::to_string(test::free_port());
    test::RedisStoreFixture f({"--bind", "127.0.0.1", "--port", port});
    f.options.replicas = 1;
    f.options.replicas_timeout = 50ms;
    auto store = f.open();
    CHECK(store->status().text == "only 0 of 1 replicas have acknowledged a write in time");
    const auto alone = test::commit(*store, DocumentBatch().put("a", "1"));
    REQUIRE_FALSE(alone);
    CHECK(alone.error() == Error::store_unavailable);
    CHECK(store->status().text == "only 0 of 1 replicas have acknowledged a write in time");
    // It was done all the same; and what writes nothing does not wait.
    CHECK(test::text_of(*store, "a") == "1");
    CHECK(test::commit(*store, DocumentBatch().require_present("a")));
    CHECK(test::commit(*store, DocumentBatch().require_absent("a")).error() ==
          Error::document_conflict);

    test::RedisServer replica(
        {"--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0"});
    REQUIRE(test::eventually([&] { return store->status().is_available(); }, 30s));
    CHECK(test::commit(*store, DocumentBatch().put("a", "2")));
    CHECK_THAT(replica.ask("HGET {pulse}:d a"), Contains(" 2\r\n"));

    // A replica is no place for a store.
    test::RedisStoreFixture other;
    other.url = replica.url();
    auto misled = other.open();
    CHECK(misled->status().text == "it is a replica");
    CHECK(test::get(*misled, "a").error() == Error::store_unavailable);
    // Until it is promoted.
    other.options.replicas = 0;
    CHECK(replica.ask("REPLICAOF NO ONE") == "+OK\r\n");
    REQUIRE(other.becomes_available(*misled));
    CHECK(test::text_of(*misled, "a") == "2");
}
