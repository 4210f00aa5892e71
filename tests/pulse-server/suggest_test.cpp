// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/suggest.hpp"

#include "support/catch.hpp"

namespace pulse::server {
namespace {

TEST_CASE("edit distance counts changes and swaps of neighbours", "[config][suggest]") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("port", "port") == 0);
    CHECK(edit_distance("prot", "port") == 1);
    CHECK(edit_distance("por", "port") == 1);
    CHECK(edit_distance("pport", "port") == 1);
    CHECK(edit_distance("pirt", "port") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("ca", "abc") == 3);  // alignment: a swapped pair is not edited again
}

TEST_CASE("the nearest name is suggested and far ones are not", "[config][suggest]") {
    Suggestion suggestion{"max_conections"};
    suggestion.offer("max_channels", "limits.max_channels");
    suggestion.offer("max_connections", "limits.max_connections");
    suggestion.offer("backlog", "server.backlog");
    CHECK(suggestion.best() == "limits.max_connections");
    CHECK(suggestion.as_question() == " (did you mean limits.max_connections?)");

    Suggestion hopeless{"colour"};
    hopeless.offer("max_channels", "limits.max_channels");
    CHECK(hopeless.best().empty());
    CHECK(hopeless.as_question().empty());
}

TEST_CASE("case and dashes do not count as mistakes", "[config][suggest]") {
    Suggestion suggestion{"Max-Channels"};
    suggestion.offer("max_channel_x", "near");
    suggestion.offer("max_channels", "exact");
    CHECK(suggestion.best() == "exact");
}

TEST_CASE("a penalty decides between equally near names", "[config][suggest]") {
    Suggestion suggestion{"hots"};
    suggestion.offer("host", "metrics.host", 3);
    suggestion.offer("host", "server.host", 0);
    CHECK(suggestion.best() == "server.host");
}

TEST_CASE("nothing is suggested for names that are no slip", "[config][suggest]") {
    Suggestion empty{""};
    empty.offer("a", "a");
    CHECK(empty.best().empty());
    Suggestion endless{std::string(100'000, 'a')};
    endless.offer(std::string(64, 'a'), "a");
    CHECK(endless.best().empty());
}

}  // namespace
}  // namespace pulse::server
