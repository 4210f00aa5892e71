// SPDX-License-Identifier: MIT OR Apache-2.0
#include "native/encoders.hpp"

#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/value.hpp>

using namespace pulse::test;
namespace core = pulse::core;
using core::native::BinaryEncoder;
using core::native::JsonEncoder;
using pulse::protocol::Value;

namespace {

/// What an encoder writes, without framing; nothing when it refuses.
template <typename Event>
std::optional<std::string> written(const core::Encoder& encoder, const Event& event,
                                   core::MemoryBudget* budget = nullptr) {
    core::FrameBuffer buffer;
    core::MessageWriter writer(buffer, core::no_framing(), nullptr, budget);
    if (!encoder.encode(event, writer)) return std::nullopt;
    const auto range = buffer.last();
    return std::string(reinterpret_cast<const char*>(buffer.chunk()->data()) + range.begin,
                       range.end - range.begin);
}

core::PresenceState state_of(std::uint64_t number, std::optional<Value> data = std::nullopt) {
    core::PresenceState state;
    state.session = core::SessionId{{number, 1}};
    if (data) {
        state.data.emplace();
        REQUIRE(pulse::protocol::encode_value(*data, *state.data) == pulse::protocol::Error::none);
    }
    state.joined_at_ms = 1'700'000'000'000;
    state.last_seen_ms = 200;
    return state;
}

Value value_of(const core::PresenceState& state) {
    Value data;
    if (state.data) data = pulse::protocol::decode_value(*state.data).value;
    return Value::Object{{"connection_id", state.session.to_string()},
                         {"data", data},
                         {"joined_at", state.joined_at_ms},
                         {"last_seen", state.last_seen_ms}};
}

}  // namespace

TEST_CASE("a delivery is a publish frame without id", "[core][native][encoders]") {
    core::PublicationView publication{"chan"};
    publication.payload = pulse::protocol::as_bytes("\x01\xff");
    publication.source = core::SessionId{{1, 2}};
    publication.timestamp_ms = 5;
    publication.position = {7, 8};
    Frame expected = Frame::publish("chan", payload_of("\x01\xff"));
    CHECK(written(BinaryEncoder{}, publication) == encoded(expected.view()));
    publication.event = "e";
    expected.event = "e";
    CHECK(written(BinaryEncoder{}, publication) == encoded(expected.view()));
    CHECK(written(JsonEncoder{}, publication) ==
          R"({"type":"publish","channel":"chan","event":"e","payload_base64":"Af8="})");
}

TEST_CASE("a presence event carries the member's record, keys sorted", "[core][native][encoders]") {
    for (const auto& data :
         {std::optional<Value>{}, std::optional<Value>{Value::Object{{"k", -1}}}}) {
        const core::PresenceState state = state_of(3, data);
        const core::PresenceEvent event{"room", PresenceAction::update, state};
        std::vector<std::byte> record;
        REQUIRE(pulse::protocol::encode_value(value_of(state), record) ==
                pulse::protocol::Error::none);
        const Frame expected = Frame::presence(0, "room", PresenceAction::update, record);
        CHECK(written(BinaryEncoder{}, event) == encoded(expected.view()));
    }
}

TEST_CASE("a member list is canonical at every width of its header", "[core][native][encoders]") {
    for (const std::size_t size : {0U, 1U, 15U, 16U, 255U, 65'535U, 65'536U}) {
        CAPTURE(size);
        const std::vector<core::PresenceState> states(size, state_of(size));
        std::vector<std::byte> out;
        core::native::append_presence_members(states, out);
        std::vector<std::byte> canonical;
        REQUIRE(pulse::protocol::canonicalise(out, canonical) == pulse::protocol::Error::none);
        CHECK(out == canonical);
        if (size > 300) continue;
        const auto decoded = pulse::protocol::decode_value(out);
        REQUIRE(decoded);
        CHECK(*decoded.value.find("members") ==
              Value(Value::Array(size, value_of(state_of(size)))));
    }
}

TEST_CASE("times of every width are written shortest", "[core][native][encoders]") {
    for (const std::uint64_t time : {0ULL, 127ULL, 128ULL, 255ULL, 256ULL, 65'535ULL, 65'536ULL,
                                     0xffff'ffffULL, 0x1'0000'0000ULL, ~0ULL}) {
        CAPTURE(time);
        core::PresenceState state = state_of(1);
        state.joined_at_ms = time;
        std::vector<std::byte> out;
        core::native::append_presence_state(state, out);
        std::vector<std::byte> expected;
        REQUIRE(pulse::protocol::encode_value(value_of(state), expected) ==
                pulse::protocol::Error::none);
        CHECK(out == expected);
    }
}

TEST_CASE("what does not fit a frame, or the memory budget, is not written",
          "[core][native][encoders]") {
    const std::vector<std::byte> large(pulse::protocol::kMaxFrameBytes, std::byte{'x'});
    core::PublicationView publication{"c"};
    publication.payload = large;
    CHECK_FALSE(written(BinaryEncoder{}, publication).has_value());
    publication.payload = pulse::protocol::ByteView(large).first(large.size() - 37);
    const auto largest = written(BinaryEncoder{}, publication);
    REQUIRE(largest.has_value());
    CHECK(largest->size() == pulse::protocol::kMaxFrameBytes + 4);

    core::PresenceState state = state_of(1);
    state.data = large;
    const core::PresenceEvent event{"c", PresenceAction::join, state};
    CHECK_FALSE(written(BinaryEncoder{}, event).has_value());

    core::MemoryBudget none(10);
    publication.payload = pulse::protocol::as_bytes("small");
    CHECK_FALSE(written(BinaryEncoder{}, publication, &none).has_value());
    CHECK_FALSE(written(JsonEncoder{}, publication, &none).has_value());
    CHECK(none.used() == 0);
}
