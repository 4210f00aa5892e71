// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/allocation_meter.hpp"
#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/small_stack.hpp"
#include "support/vectors.hpp"

#include <string>

#include <pulse/protocol/value.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

[[nodiscard]] std::string canonical_hex(const char* hex) {
    Bytes out;
    CAPTURE(hex);
    REQUIRE(canonicalise(from_hex(hex), out) == Error::none);
    return to_hex(out);
}

/// The specification of canonicalise(), through a tree.
[[nodiscard]] Error by_value(ByteView raw, Bytes& out) {
    const ValueResult decoded = decode_value(raw);
    return decoded ? encode_value(decoded.value, out) : decoded.error;
}

}  // namespace

TEST_CASE("canonical values stay as they are", "[protocol][canonical]") {
    for (const char* const hex : {"c0", "c3", "05", "ff", "cb3ff8000000000000", "a161", "90", "80",
                                  "82a16101a16202", "92a16101", "81a16181a16281a163c0"}) {
        CHECK(canonical_hex(hex) == hex);
    }
}

TEST_CASE("integers, headers and floats get their canonical width", "[protocol][canonical]") {
    CHECK(canonical_hex("cc05") == "05");
    CHECK(canonical_hex("cf0000000000000100") == "cd0100");
    CHECK(canonical_hex("d005") == "05");
    CHECK(canonical_hex("d10100") == "cd0100");  // as long, but signed
    CHECK(canonical_hex("d3ffffffffffffffff") == "ff");
    CHECK(canonical_hex("d9026162") == "a26162");
    CHECK(canonical_hex("db000000026162") == "a26162");
    CHECK(canonical_hex("dc000101") == "9101");
    CHECK(canonical_hex("dd0000000101") == "9101");
    CHECK(canonical_hex("de0001a16101") == "81a16101");
    CHECK(canonical_hex("df00000001d9016101") == "81a16101");
    CHECK(canonical_hex("ca3fc00000") == "cb3ff8000000000000");
    CHECK(canonical_hex("cb7ff8000000000000") == "c0");
    CHECK(canonical_hex("cafff80000") == "c0");
}

TEST_CASE("keys are sorted by bytes at every level", "[protocol][canonical]") {
    CHECK(canonical_hex("83a16201a16102a14203") == "83a14203a16102a16201");
    CHECK(canonical_hex("82a162 82a16401a16302 a161 9182a16603a16504") ==
          "82a1619182a16504a16603a16282a16302a16401");
    // A key of wider header sorts by its text; a prefix comes first.
    CHECK(canonical_hex("83d902616201a16102a003") == "83a003a16102a2616201");
}

TEST_CASE("the last of equal keys is kept", "[protocol][canonical]") {
    CHECK(canonical_hex("82a16101a16102") == "81a16102");
    CHECK(canonical_hex("84a16201a16102a16203a16104") == "82a16104a16203");
    CHECK(canonical_hex("93 82a16101d9016102 05 83a16101a16102a16103") == "9381a161020581a16103");
}

TEST_CASE("an array goes on behind a map that was sorted", "[protocol][canonical]") {
    CHECK(canonical_hex("9382a16201a16102 07 82a16403a16304") ==
          "9382a16102a162010782a16304a16403");
}

TEST_CASE("it appends, and leaves the output alone after an error", "[protocol][canonical]") {
    Bytes out = to_bytes("x");
    REQUIRE(canonicalise(from_hex("cc05"), out) == Error::none);
    CHECK(to_hex(out) == "7805");
    for (const char* const hex : {"", "c1", "c400", "92cc05", "82a16201a161", "8101c0", "a1ff",
                                  "cc05cc05", "ddffffffff", "dfffffffff", "d40100"}) {
        CAPTURE(hex);
        CHECK(canonicalise(from_hex(hex), out) != Error::none);
        CHECK(to_hex(out) == "7805");
    }
}

TEST_CASE("it does what decoding and encoding a value does", "[protocol][canonical]") {
    Random random(9);
    std::size_t wrong = 0;
    for (int i = 0; i < 3000; ++i) {
        Bytes raw;
        REQUIRE(encode_value(random.value(5), raw) == Error::none);
        for (std::size_t changes = random.below(4); changes > 0; --changes) {
            raw[random.below(raw.size())] = static_cast<std::byte>(random.next());
        }
        Bytes direct;
        Bytes expected;
        const Error error = canonicalise(raw, direct);
        // Which of several errors is met first may differ.
        const Error expected_error = by_value(raw, expected);
        wrong += (error == Error::none) != (expected_error == Error::none);
        if (error == Error::none) wrong += direct != expected;
    }
    CHECK(wrong == 0);
}

TEST_CASE("the deepest value is made canonical on a small stack", "[protocol][canonical]") {
    on_small_stack([] {
        // Unsorted at every level.
        Bytes raw;
        for (std::size_t i = 0; i < kMaxValueDepth; ++i) {
            const Bytes level = from_hex("82a162c0a161");
            raw.insert(raw.end(), level.begin(), level.end());
        }
        raw.push_back(std::byte{0xc0});
        Bytes out;
        REQUIRE(canonicalise(raw, out) == Error::none);
        CHECK(out.size() == raw.size());
        Bytes expected;
        REQUIRE(by_value(raw, expected) == Error::none);
        CHECK(out == expected);
        raw.insert(raw.begin(), std::byte{0x91});
        CHECK(canonicalise(raw, out) == Error::too_deep);
    });
}

TEST_CASE("memory stays within a small multiple of the input", "[protocol][canonical]") {
    const auto check = [](const Bytes& raw, bool is_good) {
        Bytes out;
        out.reserve(2 * raw.size());
        const AllocationMeter meter;
        CHECK((canonicalise(raw, out) == Error::none) == is_good);
        CHECK(meter.peak_bytes() < 16 * raw.size() + 4096);
    };
    Bytes maps = from_hex("dd00030d40");  // 200,000 unsorted maps of six bytes
    for (int i = 0; i < 200'000; ++i) {
        const Bytes map = from_hex("82a162c0a0c0");
        maps.insert(maps.end(), map.begin(), map.end());
    }
    check(maps, true);

    Bytes members = from_hex("df00030d40");  // one map of 200,000 equal keys
    for (int i = 0; i < 200'000; ++i) {
        const Bytes member = from_hex("a0c0");
        members.insert(members.end(), member.begin(), member.end());
    }
    check(members, true);

    Bytes lies;  // nested maps that each claim all that is left
    for (std::size_t i = 0; i < 1000; ++i) {
        const Bytes header = from_hex("df00000c00a0");
        lies.insert(lies.end(), header.begin(), header.end());
    }
    lies.resize(lies.size() + 10'000);
    check(lies, false);
}
