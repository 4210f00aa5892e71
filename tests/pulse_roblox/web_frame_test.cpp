// SPDX-License-Identifier: MIT OR Apache-2.0
#include "web_frame.hpp"

#include "support/catch.hpp"

using namespace pulse::roblox;

namespace {

std::string frame(std::string_view topic, std::string_view message, std::string_view sender = {}) {
    return encode_web_frame({.universe = {7},
                             .topic = topic,
                             .message = message,
                             .sender = sender,
                             .epoch = "abc123",
                             .seq = 42,
                             .sent_at_ms = 1'700'000'000'000});
}

}  // namespace

TEST_CASE("a web frame has the original's two members in front", "[roblox][web_frame]") {
    CHECK(
        frame("chat", R"({"a":1})", "job-1") ==
        R"({"topic":"chat","message":{"a":1},"serverId":"job-1","seq":"abc123:42","ts":1700000000000})");
    CHECK(frame("c", "") == R"({"topic":"c","seq":"abc123:42","ts":1700000000000})");
}

TEST_CASE("what the original's clients get is cut where it ends, whatever a message looks like",
          "[roblox][web_frame]") {
    struct Row {
        std::string_view topic;
        std::string_view message;
        std::string_view sender;
        std::string_view original;
    };
    for (const Row& row : {
             Row{"t", "1", "", R"({"topic":"t","message":1)"},
             Row{"t", "1", "job-1", R"({"topic":"t","message":1)"},
             Row{"t", "", "job-1", R"({"topic":"t")"},
             Row{"", "", "", R"({"topic":"")"},
             Row{"t", R"("x")", "", R"({"topic":"t","message":"x")"},
             Row{"t", R"("\",\"serverId\":\"y")", "",
                 R"({"topic":"t","message":"\",\"serverId\":\"y")"},
             Row{"t", R"({"serverId":"y"})", "", R"({"topic":"t","message":{"serverId":"y"})"},
             Row{"t", R"({"a":1,"serverId":"y","seq":"e:1","ts":1})", "j",
                 R"({"topic":"t","message":{"a":1,"serverId":"y","seq":"e:1","ts":1})"},
             Row{R"(,"seq":")", "", "", R"({"topic":",\"seq\":\"")"},
             Row{"t", R"("")", "", R"({"topic":"t","message":"")"},
         }) {
        CAPTURE(row.original);
        const std::string text = frame(row.topic, row.message, row.sender);
        const auto view = read_web_frame(text);
        REQUIRE(view.has_value());
        CHECK(view->original == row.original);
        CHECK(view->place == "abc123:42");
        CHECK(view->epoch == "abc123");
        CHECK(view->seq == 42);
    }
    CHECK(read_web_frame(frame("a\"b\\", "1"))->topic == R"(a\"b\\)");
}

TEST_CASE("texts of another make are no web frames", "[roblox][web_frame]") {
    const std::string good = frame("chat", R"({"a":"b"})", "job-1");
    for (std::size_t size = 0; size < good.size(); ++size) {
        // Cut short it may still be one that was cut behind its place, but never reads further.
        const std::string cut = good.substr(0, size);
        if (const auto view = read_web_frame(cut)) CHECK(view->place.size() <= 9);
    }
    for (const char* text :
         {"", "{", "[]", R"({"topic":)", R"({"topic":"t"})", R"({"topic":"t","seq":"x","ts":1})",
          R"({"topic":"t\)", R"({"topic":"t","seq":":1","ts":1})",
          R"({"topic":"t","seq":"e:-1","ts":1})", R"({"topic":"t","seq":")"}) {
        CAPTURE(text);
        CHECK_FALSE(read_web_frame(text).has_value());
    }
}

TEST_CASE("topics that can be channel names are channels", "[roblox][web_frame]") {
    CHECK(web_channel({7}) == "roblox:7");
    CHECK(web_channel({7}, "a b") == "roblox:7:a b");
    CHECK(web_channel({7}, "größe").empty());
    CHECK(web_channel({7}, std::string(250, 'x')).empty());
}
