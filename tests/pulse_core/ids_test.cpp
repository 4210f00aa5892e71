// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/catch.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

#include <pulse/core/ids.hpp>

using namespace pulse::core;

TEST_CASE("a session id is written as conn_ and 32 hexadecimal digits", "[core][ids]") {
    CHECK(SessionId{}.to_string() == "conn_00000000000000000000000000000000");
    const SessionId id{{0x0123456789abcdefULL, 0xfedcba9876543210ULL}};
    CHECK(id.to_string() == "conn_0123456789abcdeffedcba9876543210");
    CHECK(id.to_string().size() == SessionId::kTextBytes);
}

TEST_CASE("generated session ids differ and come from the generator", "[core][ids]") {
    SeededRng rng(1);
    std::unordered_set<SessionId> ids;
    std::set<std::string> texts;
    for (int i = 0; i < 1000; ++i) {
        const SessionId id = SessionId::generate(rng);
        CHECK(ids.insert(id).second);
        texts.insert(id.to_string());
    }
    CHECK(texts.size() == 1000);
    SeededRng same(1);
    CHECK(ids.contains(SessionId::generate(same)));
}

TEST_CASE("session ids are ordered by their words", "[core][ids]") {
    CHECK(SessionId{{1, 9}} < SessionId{{2, 0}});
    CHECK(SessionId{{1, 1}} < SessionId{{1, 2}});
    CHECK(SessionId{{1, 2}} == SessionId{{1, 2}});
    CHECK(std::hash<SessionId>{}(SessionId{{1, 2}}) != std::hash<SessionId>{}(SessionId{{2, 1}}));
}
