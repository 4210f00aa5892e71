// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"
#include "support/embedded_engine.hpp"
#include "support/eventually.hpp"
#include "support/mailbox.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/transport/loop.hpp>

using namespace pulse::test;
using pulse::transport::Loop;
using pulse::transport::LoopThreads;
namespace core = pulse::core;

TEST_CASE("functions posted to a loop's lane run on its thread, in order", "[transport][loop]") {
    EngineCore engine;
    LoopThreads loops(engine.hub, 1);
    loops.start();
    core::Lane& lane = loops.loops()[0]->lane();
    std::vector<int> order;
    std::atomic<int> other_threads{0};
    Mailbox<std::thread::id> done;
    std::thread::id loop_thread;
    lane.post([&] { loop_thread = std::this_thread::get_id(); });
    for (int i = 0; i < 1000; ++i) {
        lane.post([&, i] {
            order.push_back(i);
            if (std::this_thread::get_id() != loop_thread) ++other_threads;
        });
    }
    lane.post([&] { done.put(std::this_thread::get_id()); });
    CHECK(done.take() != std::this_thread::get_id());
    CHECK(other_threads == 0);
    REQUIRE(order.size() == 1000);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("posts from many threads all run, and wake the loop far less often than they come",
          "[transport][loop]") {
    EngineCore engine;
    LoopThreads loops(engine.hub, 1);
    loops.start();
    Loop& loop = *loops.loops()[0];
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) loop.lane().post([&] { ++ran; });
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(eventually([&] { return ran == 15'000; }));
    CHECK(loop.stats().turns.get() <= 15'000);
}

TEST_CASE("a function that posts another does not keep the loop from its other work",
          "[transport][loop]") {
    EngineCore engine;
    LoopThreads loops(engine.hub, 1);
    loops.start();
    Loop& loop = *loops.loops()[0];
    std::atomic<bool> is_over{false};
    std::function<void()> again = [&] {
        if (!is_over) loop.lane().post(again);
    };
    loop.lane().post(again);
    // The io_context's own handlers still get their turn.
    Mailbox<int> handled;
    for (int i = 0; i < 3; ++i) {
        asio::post(loop.io(), [&] { handled.put(1); });
        CHECK(handled.take() == 1);
    }
    is_over = true;
    loops.stop();
}

TEST_CASE("a loop lives on its host's io_context beside the host's own work", "[transport][loop]") {
    EngineCore engine;
    asio::io_context io;
    Loop loop(io, engine.hub);
    asio::steady_timer own(io);
    bool has_fired = false;
    bool has_run = false;
    own.expires_after(std::chrono::milliseconds{1});
    own.async_wait([&](const asio::error_code&) { has_fired = true; });
    loop.lane().post([&] { has_run = true; });
    const Deadline deadline;
    while (!(has_fired && has_run) && !deadline.has_passed()) {
        io.run_one_for(std::chrono::milliseconds{100});
    }
    CHECK(has_fired);
    CHECK(has_run);
}

TEST_CASE("a loop may go before its io_context runs again, or for the last time",
          "[transport][loop]") {
    EngineCore engine;
    asio::io_context io;
    bool is_gone = false;
    {
        Loop loop(io, engine.hub);
        loop.lane().post([] {});
        io.poll();
        // Run by the loop as it ends, so that nothing posted is lost, but never later.
        loop.lane().post([&] { CHECK_FALSE(is_gone); });
    }
    is_gone = true;
    // Whatever asio still holds for it is cancelled and harmless.
    io.restart();
    io.poll();
    {
        EngineCore other;
        auto loop = std::make_unique<Loop>(io, other.hub);
        asio::post(io, [&] { loop.reset(); });
        io.restart();
        io.poll();
        CHECK(loop == nullptr);
    }
    io.restart();
    io.poll();
}

TEST_CASE("loop threads can be stopped and started again", "[transport][loop]") {
    EngineCore engine;
    LoopThreads loops(engine.hub, 2);
    std::atomic<int> ran{0};
    for (int round = 1; round <= 3; ++round) {
        for (Loop* loop : loops.loops()) loop->lane().post([&] { ++ran; });
        loops.start();
        CHECK(eventually([&] { return ran == 2 * round; }));
        loops.stop();
        loops.stop();
    }
}

TEST_CASE("a loop for each usable processor is made when no number is given", "[transport][loop]") {
    EngineCore engine;
    const LoopThreads loops(engine.hub, 0);
    CHECK_FALSE(loops.loops().empty());
    CHECK(loops.loops().size() <= core::Hub::kMaxLanes);
    CHECK(engine.hub.lanes().size() == loops.loops().size());
}

TEST_CASE("an idle loop sleeps", "[transport][loop]") {
    EngineCore engine;
    LoopThreads loops(engine.hub, 1);
    loops.start();
    Loop& loop = *loops.loops()[0];
    Mailbox<int> done;
    loop.lane().post([&] { done.put(1); });
    (void)done.take();
    // Turns that follow from the post may still come; then there are none.
    CHECK(eventually([&] {
        const std::uint64_t turns = loop.stats().turns.get();
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        return loop.stats().turns.get() == turns;
    }));
}

TEST_CASE("what is posted to a lane for a time runs when the hub's clock has come to it",
          "[transport][loop]") {
    using namespace std::chrono_literals;
    EngineCore engine;
    LoopThreads loops(engine.hub, 1);
    core::Lane& lane = loops.loops()[0]->lane();
    Mailbox<int> ran;
    // Before the loop runs, and on it.
    lane.post_at(engine.clock.now() + 50ms, [&] { ran.put(1); });
    lane.post([&] {
        lane.post_at(engine.clock.now() + 20ms, [&] { ran.put(2); });
        lane.post_at(engine.clock.now() + 24h, [&] { ran.put(3); });
        ran.put(0);
    });
    loops.start();
    CHECK(ran.take() == 0);
    engine.clock.advance(30ms);
    CHECK(ran.take() == 2);
    engine.clock.advance(30ms);
    CHECK(ran.take() == 1);
    CHECK(ran.size() == 0);
    loops.stop();
}

TEST_CASE("timers of a lane are precise by the machine's clock", "[transport][loop]") {
    using namespace std::chrono_literals;
    const core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    core::Hub hub({}, {.clock = clock, .rng = rng, .log = log});
    LoopThreads loops(hub, 1);
    core::Lane& lane = loops.loops()[0]->lane();
    Mailbox<core::MonotonicTime> ran;
    const core::MonotonicTime due = clock.now() + 30ms;
    lane.post_at(due, [&] { ran.put(clock.now()); });
    loops.start();
    CHECK(ran.take() >= due);
}
