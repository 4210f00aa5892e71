// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The order of a channel's commands while Redis sends them to and fro; the Redis are made up.
#include "redis/lanes.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include <pulse/core/error.hpp>

using namespace pulse::cluster;
using namespace std::chrono_literals;

namespace {

using Next = Lanes::Next;
using Clock = std::chrono::steady_clock;

struct Scene {
    using Command = std::shared_ptr<LaneCommand>;
    asio::io_context io;
    std::string owner = "a";
    std::string away;  ///< cannot be sent to
    std::vector<std::string> sent;
    std::vector<std::pair<std::string, Command>> under_way;
    std::vector<std::string> done;
    Lanes lanes{io, [this](const std::string&) { return owner; },
                [this](const Command& command, const std::string& to, bool asks) {
                    if (to == away) return false;
                    sent.push_back(command->bytes + (asks ? "?" : "@") + to);
                    under_way.emplace_back(command->bytes, command);
                    return true;
                }};

    void add(const std::string& name, std::chrono::milliseconds time = 1h) {
        LaneCommand command;
        command.channel = "news";
        command.bytes = name;
        command.due = Clock::now() + time;
        command.done = [this, name](std::error_code error, std::size_t) {
            done.push_back(error ? "no " + name : name);
        };
        lanes.add(std::move(command));
    }
    void answer(const std::string& name, Next next = Next::done, const std::string& where = "") {
        const auto found = std::find_if(under_way.begin(), under_way.end(),
                                        [&](const auto& each) { return each.first == name; });
        REQUIRE(found != under_way.end());
        const Command command = found->second;
        under_way.erase(found);
        lanes.on_answer(command, {}, 0, next, where);
        io.restart();
        io.poll();
    }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what is sent elsewhere goes there in its order, and later ones behind it",
          "[cluster][lanes]") {
    Scene scene;
    for (const char* name : {"1", "2", "3"}) scene.add(name);
    CHECK(scene.sent == Names{"1@a", "2@a", "3@a"});
    scene.answer("1");
    scene.owner = "b";
    scene.answer("2", Next::again);
    scene.add("4");
    // The third may have been done at the old place, or not.
    CHECK(scene.sent.size() == 3);
    scene.answer("3", Next::again);
    CHECK(scene.sent == Names{"1@a", "2@a", "3@a", "2@b", "3@b", "4@b"});
    for (const char* name : {"2", "3", "4"}) scene.answer(name);
    CHECK(scene.done == Names{"1", "2", "3", "4"});
}

TEST_CASE("whoever has the channel now waits for what is under way at the one before it",
          "[cluster][lanes]") {
    Scene scene;
    scene.add("1");
    scene.owner = "b";
    scene.add("2");
    CHECK(scene.sent == Names{"1@a"});
    scene.answer("1");
    CHECK(scene.sent == Names{"1@a", "2@b"});
    scene.answer("2");
    scene.add("3");
    CHECK(scene.sent.back() == "3@b");
}

TEST_CASE("what is to go elsewhere once comes back to the owner", "[cluster][lanes]") {
    Scene scene;
    scene.add("1");
    scene.add("2");
    scene.answer("1", Next::again, "b");
    scene.answer("2", Next::again, "b");
    CHECK(scene.sent == Names{"1@a", "2@a", "1?b", "2?b"});
    scene.add("3");
    CHECK(scene.sent.size() == 4);
    scene.answer("1");
    scene.answer("2");
    CHECK(scene.sent.back() == "3@a");
    scene.answer("3", Next::again, "b");
    CHECK(scene.sent.back() == "3?b");
}

TEST_CASE("what is put off is tried again after a pause, until its time is over",
          "[cluster][lanes]") {
    Scene scene;
    scene.add("1");
    scene.add("2", 10ms);
    scene.answer("1", Next::later);
    scene.answer("2", Next::later);
    CHECK(scene.sent.size() == 2);
    scene.lanes.tick(Clock::now() + 30ms);
    CHECK(scene.sent.size() == 2);
    CHECK(scene.done == Names{"no 2"});
    scene.lanes.tick(Clock::now() + 1s);
    CHECK(scene.sent == Names{"1@a", "2@a", "1@a"});
    // Those that do not agree among themselves are asked with pauses, too.
    for (int i = 0; i < 4; ++i) scene.answer("1", Next::again);
    CHECK(scene.sent.size() == 7);
    scene.answer("1", Next::again);
    CHECK(scene.sent.size() == 7);
    scene.lanes.tick(Clock::now() + 1s);
    CHECK(scene.sent.size() == 8);
}

TEST_CASE("what nobody takes waits until somebody is there", "[cluster][lanes]") {
    Scene scene;
    scene.away = "a";
    scene.add("1");
    scene.add("2");
    scene.owner.clear();
    scene.lanes.flush_soon();
    scene.io.poll();
    CHECK(scene.sent.empty());
    scene.owner = "a";
    scene.away.clear();
    scene.lanes.flush_soon();
    scene.io.restart();
    scene.io.poll();
    CHECK(scene.sent == Names{"1@a", "2@a"});
}
