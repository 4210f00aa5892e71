// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What many ask for together is bounded as what one asks for is.
#include "support/catch.hpp"
#include "support/room_fixture.hpp"
#include "support/room_texts.hpp"

#include <algorithm>
#include <string>

using namespace pulse;
using namespace pulse::test;

namespace {

/// Everything that a room lets wait for its store.
std::vector<std::unique_ptr<test::RoomPeer>> fill_up(RoomFixture& f) {
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (int i = 0; i < 68; ++i) {
        peers.push_back(f.join("room=r&session=filler-" + std::to_string(i)));
    }
    f.store.is_held = true;
    const std::string chat = R"({"type":"chat","data":")" + std::string(1'000'000, 'x') + R"("})";
    for (const auto& each : peers) {
        each->say(counter("1"));
        each->say(chat);
    }
    f.run();
    return peers;
}

}  // namespace

TEST_CASE("the users of a large room are not composed for any number of askers at once",
          "[rooms][load]") {
    RoomFixture f;
    std::vector<std::unique_ptr<test::RoomPeer>> peers;
    for (int i = 0; i < 100; ++i) {
        peers.push_back(f.join("room=r&session=" + std::to_string(i)));
        (void)f.ask(*peers.back(),
                    R"({"type":"login","data":{"n":")" + std::string(60'000, 'x') + R"("}})");
    }
    constexpr int kAskers = 30;
    std::size_t bytes = 0;
    int told = 0;
    int refused = 0;
    const auto ask = [&] {
        f.rooms->users("r", [&](core::Result<std::string> text) {
            if (text) {
                ++told;
                bytes += text->size();
            } else {
                CHECK(text.error() == core::Error::memory_exhausted);
                ++refused;
            }
        });
    };
    for (int i = 0; i < kAskers; ++i) ask();
    f.run();
    CHECK(told + refused == kAskers);
    CHECK(told > 1);
    CHECK(bytes <= std::size_t{64} * 1024 * 1024);
    // And again when those have been answered.
    told = 0;
    ask();
    f.run();
    CHECK(told == 1);
}

TEST_CASE("the votes of one who left wait while much else does", "[rooms][load]") {
    rooms::RoomsOptions options;
    options.limits.max_name_bytes = 8'192;
    RoomFixture f(options);
    const auto w = f.join("room=r&session=w", 1);
    auto a = f.join("room=r&session=a");
    for (int i = 0; i < 400; ++i) {
        a->say(R"({"type":"ephemeralPoll","data":{"id":)" + std::to_string(i) + R"(,"answer":")" +
               std::string(8'000, 'a') + R"("}})");
    }
    f.run();
    (void)f.ask(*w, R"({"type":"subscribe","data":"ephemeralPoll"})");
    const auto others = fill_up(f);
    const std::size_t before = f.budget.used();
    a->drop();
    f.run();
    CHECK(f.budget.used() < before + 100'000);
    CHECK(w->take().empty());
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    const Lines got = w->take();
    CHECK(got.size() == 400);
    CHECK(std::all_of(got.begin(), got.end(), [](const std::string& each) {
        return each.find(R"("stats":{}})") != std::string::npos;
    }));
}

TEST_CASE("the server's side adds nothing to a room where too much waits", "[rooms][load]") {
    RoomFixture f;
    const auto w = f.join("room=r&session=w");
    const auto others = fill_up(f);
    std::error_code done;
    f.rooms->set_config("r", "late", [&](std::error_code error) { done = error; });
    std::error_code details;
    f.rooms->details("r", [&](const core::Result<std::string>& text) {
        if (!text) details = text.error();
    });
    f.run();
    CHECK(done == core::Error::store_overloaded);
    CHECK(details == core::Error::store_overloaded);
    f.store.is_held = false;
    f.store.let_go();
    f.run();
    CHECK(w->take().empty());
    f.rooms->set_config("r", "in time", [&](std::error_code error) { done = error; });
    f.run();
    CHECK_FALSE(done);
    CHECK(w->take() == Lines{R"({"type":"config","data":"in time"})"});
}

TEST_CASE("a large room that leaves memory is freed in several turns", "[rooms][load]") {
    RoomFixture f;
    auto a = f.join("room=r&session=a");
    for (int i = 0; i < 10'000; ++i) {
        a->say(R"({"type":"counter","data":{"id":)" + std::to_string(i) + R"(,"value":1}})");
    }
    f.run();
    a->drop();
    f.run();
    CHECK(f.rooms->stats().idle_rooms == 1);
    f.clock.advance(std::chrono::seconds{62});
    core::Lane& lane = *f.hub.lanes().front();
    std::size_t turns = 0;
    do {
        lane.begin_turn();
        lane.flush();
        CHECK(f.rooms->stats().rooms == 0);
    } while (++turns < 1'000 && lane.has_work());
    CHECK(turns >= 3);
    CHECK(turns < 10);
    // It is not gone for good.
    const auto b = f.join("room=r&session=a");
    CHECK(f.ask(*b, R"({"type":"subscribe","data":"counter:9999"})") ==
          Lines{R"({"type":"counter","data":{"id":"9999","value":"1"}})"});
}
