// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A checker that finds nothing is worth nothing.
#include "checker.hpp"

#include "support/catch.hpp"

using namespace pulse::test;
using Kind = ClientEvent::Kind;

namespace {

ClientEvent publication(std::uint64_t offset, const std::string& text) {
    return {Kind::publication, {offset, "e"}, text};
}
Published all(std::initializer_list<std::string> texts) { return {texts, texts}; }
std::size_t problems(const std::vector<ClientEvent>& events, const Published& published) {
    return check({{"client", events}}, published).problems.size();
}

}  // namespace

TEST_CASE("the checker lets pass what is right", "[chaos][checker]") {
    const auto published = all({"p:1", "p:2", "q:1"});
    CHECK(problems({{Kind::started, {4, "e"}, {}},
                    publication(5, "p:1"),
                    publication(6, "q:1"),
                    {Kind::recovered, {}, {}},
                    publication(7, "p:2")},
                   published) == 0);
    CHECK(problems({publication(5, "p:1"), {Kind::gap, {9, "e"}, {}}, publication(10, "p:2")},
                   published) == 0);
    CHECK(problems({publication(5, "p:1"), {Kind::gap, {}, {}}, publication(10, "p:2")},
                   published) == 0);
}

TEST_CASE("the checker finds whatever is wrong", "[chaos][checker]") {
    const auto published = all({"p:1", "p:2", "q:1"});
    const std::vector<ClientEvent> right{publication(5, "p:1"), publication(6, "q:1"),
                                         publication(7, "p:2")};
    CHECK(problems(right, published) == 0);
    // A gap without a word, at the beginning, within, at the end.
    CHECK(problems({{Kind::started, {3, "e"}, {}}, right[0], right[1], right[2]}, published) == 1);
    CHECK(problems({right[0], right[2]}, published) == 2);
    CHECK(problems({right[0], right[1]}, published) == 1);
    CHECK(problems({right[0], {Kind::recovered, {}, {}}, right[2]}, published) == 2);
    // Twice, in another order, not at its place, of nobody.
    CHECK(problems({right[0], right[0], right[1], right[2]}, published) >= 2);
    CHECK(problems({right[0], right[1], right[2], publication(8, "q:1")}, published) >= 1);
    CHECK(problems({publication(5, "p:2"), publication(6, "p:1"), publication(7, "q:1")},
                   published) == 1);
    CHECK(problems({right[0], publication(6, "x:1"), right[2]}, published) >= 1);
    // A new epoch without a word.
    CHECK(
        problems(
            {right[0], {Kind::publication, {1, "f"}, "q:1"}, {Kind::publication, {2, "f"}, "p:2"}},
            published) == 1);
    // Two clients that disagree.
    CHECK_FALSE(
        check({{"a", right},
               {"b", {publication(5, "q:1"), publication(6, "p:1"), publication(7, "p:2")}}},
              published)
            .problems.empty());
}
