// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"

#include <pulse/protocol/version.hpp>

using namespace pulse::protocol;

TEST_CASE("versions with the same major number are compatible", "[protocol][version]") {
    CHECK(Version{1, 0}.is_compatible_with({1, 7}));
    CHECK_FALSE(Version{1, 0}.is_compatible_with({2, 0}));
    CHECK_FALSE(Version{1, 0}.is_compatible_with({0, 0}));
}

TEST_CASE("a version prints as major, dot, minor", "[protocol][version]") {
    CHECK(to_string(kProtocolVersion) == "1.0");
    CHECK(to_string(Version{255, 10}) == "255.10");
}

TEST_CASE("versions order by major, then minor", "[protocol][version]") {
    CHECK(Version{1, 9} < Version{2, 0});
    CHECK(Version{1, 0} < Version{1, 1});
    CHECK(Version{1, 0} == kProtocolVersion);
}
