// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/small_stack.hpp"
#include "support/vectors.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <pulse/protocol/value.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

[[nodiscard]] std::string encoded_hex(const Value& value) {
    Bytes out;
    REQUIRE(encode_value(value, out) == Error::none);
    return to_hex(out);
}

[[nodiscard]] Value nested_arrays(std::size_t depth) {
    Value value;
    for (std::size_t i = 0; i < depth; ++i) {
        Value::Array items;
        items.push_back(std::move(value));
        value = std::move(items);
    }
    return value;
}

}  // namespace

TEST_CASE("values know their kind and give it back", "[protocol][value]") {
    CHECK(Value().is_nil());
    CHECK(*Value(true).as_bool());
    CHECK(*Value(7).as_uint() == 7);
    CHECK(*Value(-7).as_negative() == -7);
    CHECK(*Value(~0ULL).as_uint() == ~0ULL);
    CHECK(*Value(1.5).as_double() == 1.5);
    CHECK(*Value("text").as_string() == "text");
    CHECK(Value(Value::Array{1, "two"}).as_array()->size() == 2);
    const Value object(Value::Object{{"b", 1}, {"a", Value::Array{}}});
    CHECK(object.kind() == Value::Kind::object);
    CHECK(*object.find("b") == Value(1));
    CHECK(object.find("c") == nullptr);
    CHECK(Value(1).find("b") == nullptr);
    CHECK(Value(1).as_string() == nullptr);
}

TEST_CASE("values of the same content are equal", "[protocol][value]") {
    CHECK(Value(1U) == Value(std::int64_t{1}));
    CHECK_FALSE(Value(1) == Value(1.0));
    CHECK_FALSE(Value(0) == Value(false));
    CHECK_FALSE(Value(Value::Array{}) == Value(Value::Object{}));
    CHECK(Value(Value::Array{}) == Value(Value::Array{}));
    CHECK_FALSE(Value(Value::Array{1}) == Value(Value::Array{}));
    CHECK_FALSE(Value(Value::Array{1}) == Value(Value::Array{2}));
    CHECK_FALSE(Value(Value::Object{{"a", 1}}) == Value(Value::Object{{"b", 1}}));
    CHECK_FALSE(Value(Value::Object{{"a", 1}}) == Value(Value::Object{{"a", 2}}));
    CHECK_FALSE(Value(std::numeric_limits<double>::quiet_NaN()) ==
                Value(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("a copy is equal and independent", "[protocol][value]") {
    Random random(7);
    for (int i = 0; i < 300; ++i) {
        const Value original = random.value(5);
        Value copy(original);
        CHECK(copy == original);
        Value moved(std::move(copy));
        CHECK(moved == original);
        Value assigned(Value::Array{1, 2});
        assigned = original;
        CHECK(assigned == original);
        assigned = Value::Array{std::move(assigned)};
        CHECK(assigned.as_array()->front() == original);
    }
}

TEST_CASE("a part can be assigned to its whole", "[protocol][value]") {
    Value value(Value::Array{Value(Value::Object{{"inner", Value::Array{1, 2, 3}}}), 2});
    value = *value.as_array()->front().find("inner");
    CHECK(value == Value(Value::Array{1, 2, 3}));
    Value other(Value::Array{Value(Value::Array{7}), 2});
    other = std::move(other.as_array()->front());
    CHECK(other == Value(Value::Array{7}));
}

TEST_CASE("values are written in canonical form", "[protocol][value]") {
    CHECK(encoded_hex(nullptr) == "c0");
    CHECK(encoded_hex(false) == "c2");
    CHECK(encoded_hex(127) == "7f");
    CHECK(encoded_hex(128) == "cc80");
    CHECK(encoded_hex(256) == "cd0100");
    CHECK(encoded_hex(65536) == "ce00010000");
    CHECK(encoded_hex(4294967296) == "cf0000000100000000");
    CHECK(encoded_hex(-1) == "ff");
    CHECK(encoded_hex(-32) == "e0");
    CHECK(encoded_hex(-33) == "d0df");
    CHECK(encoded_hex(-128) == "d080");
    CHECK(encoded_hex(-129) == "d1ff7f");
    CHECK(encoded_hex(-32768) == "d18000");
    CHECK(encoded_hex(-32769) == "d2ffff7fff");
    CHECK(encoded_hex(-2147483648LL) == "d280000000");
    CHECK(encoded_hex(-2147483649LL) == "d3ffffffff7fffffff");
    CHECK(encoded_hex(std::numeric_limits<std::int64_t>::min()) == "d38000000000000000");
    CHECK(encoded_hex(1.0) == "cb3ff0000000000000");
    CHECK(encoded_hex(std::nan("")) == "c0");
    CHECK(encoded_hex(HUGE_VAL) == "c0");
    CHECK(encoded_hex(-HUGE_VAL) == "c0");
    CHECK(encoded_hex(Value::Object{{"b", 1}, {"B", 2}, {"a", Value::Array{}}}) ==
          "83a14202a16190a16201");
    CHECK(encoded_hex(Value::Object{{"\xc3\xa9", 1}, {"z", 2}}) == "82a17a02a2c3a901");
    CHECK(encoded_hex(std::string(32, 'x')).substr(0, 4) == "d920");
    CHECK(encoded_hex(Value::Array(16)).substr(0, 6) == "dc0010");
}

TEST_CASE("values survive a round trip", "[protocol][value]") {
    Random random(8);
    for (int i = 0; i < 1000; ++i) {
        const Value value = random.value(6);
        Bytes out;
        REQUIRE(encode_value(value, out) == Error::none);
        const ValueResult back = decode_value(out);
        REQUIRE(back);
        CHECK(back.value == value);
    }
}

TEST_CASE("what is not JSON-like is refused", "[protocol][value]") {
    const auto error_of = [](const char* hex) { return decode_value(from_hex(hex)).error; };
    CHECK(error_of("c400") == Error::invalid_data);
    CHECK(error_of("d40100") == Error::invalid_data);
    CHECK(error_of("8101c0") == Error::invalid_data);
    CHECK(error_of("81c400c0") == Error::invalid_data);
    CHECK(error_of("a1ff") == Error::invalid_utf8);
    CHECK(error_of("81a1ffc0") == Error::invalid_utf8);
    CHECK(error_of("c1") == Error::invalid_marker);
    CHECK(error_of("") == Error::truncated);
    CHECK(error_of("92c0") == Error::truncated);
    CHECK(error_of("81a161") == Error::truncated);
    CHECK(error_of("c0c0") == Error::trailing_bytes);
}

TEST_CASE("float32 is widened, what is not finite becomes nil, the last duplicate counts",
          "[protocol][value]") {
    CHECK(decode_value(from_hex("ca3fc00000")).value == Value(1.5));
    CHECK(decode_value(from_hex("ca7fc00000")).value.is_nil());
    CHECK(decode_value(from_hex("cb7ff0000000000000")).value.is_nil());
    CHECK(decode_value(from_hex("82a16181a162c0a16102")).value == Value(Value::Object{{"a", 2}}));
    CHECK(decode_value(from_hex("82a16102a1619101")).value ==
          Value(Value::Object{{"a", Value::Array{1}}}));
}

TEST_CASE("depth is limited to what fits into a frame", "[protocol][value]") {
    on_small_stack([] {
        Bytes out;
        CHECK(encode_value(nested_arrays(kMaxValueDepth), out) == Error::none);
        CHECK(decode_value(out));
        out.insert(out.begin(), std::byte{0x91});
        CHECK(decode_value(out).error == Error::too_deep);
        out = to_bytes("kept");
        CHECK(encode_value(nested_arrays(kMaxValueDepth + 1), out) == Error::too_deep);
        CHECK(as_text(out) == "kept");
    });
}

TEST_CASE("a value of any depth is copied, compared and destroyed on a small stack",
          "[protocol][value]") {
    on_small_stack([] {
        constexpr std::size_t kDepth = 200'000;
        Value deep = nested_arrays(kDepth);
        const Value copy(deep);
        CHECK(copy == deep);
        Value objects;
        for (std::size_t i = 0; i < kDepth; ++i) {
            Value::Object members;
            members.emplace("k", std::move(objects));
            objects = std::move(members);
        }
        CHECK(Value(objects) == objects);
        deep = nullptr;
        CHECK(deep.is_nil());
    });
}
