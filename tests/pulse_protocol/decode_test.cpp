// SPDX-License-Identifier: MIT OR Apache-2.0

#include "support/allocation_meter.hpp"
#include "support/catch.hpp"
#include "support/vectors.hpp"

#include <string>

#include <pulse/protocol/codec.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

struct Refusal {
    const char* body;
    Error error;
    Field field = Field::none;
};

void check_refused(const Refusal& refusal) {
    CAPTURE(refusal.body);
    const Bytes bytes = framed_hex(refusal.body);
    Bytes scratch;
    const DecodeResult result = decode(bytes, scratch);
    CHECK(result.status == DecodeStatus::malformed);
    CHECK(to_string(result.error) == to_string(refusal.error));
    CHECK(to_string(result.field) == to_string(refusal.field));
    CHECK(result.consumed == bytes.size());
}

[[nodiscard]] Frame decoded_hex(const char* body) {
    const OwnedDecodeResult result = decode_owned(framed_hex(body));
    CAPTURE(body, to_string(result.error), to_string(result.field));
    REQUIRE(result);
    return result.frame;
}

}  // namespace

TEST_CASE("an incomplete frame says how many bytes are missing", "[protocol][decode]") {
    const Bytes bytes = encode(Frame::subscribe(1, "chat:lobby")).bytes;
    Bytes scratch;
    for (std::size_t have = 0; have < bytes.size(); ++have) {
        const DecodeResult result = decode(ByteView(bytes).first(have), scratch);
        CHECK(result.status == DecodeStatus::need_more);
        CHECK(result.error == Error::incomplete);
        CHECK(result.consumed == 0);
        CHECK(result.needed == (have < 4 ? 4 - have : bytes.size() - have));
    }
}

TEST_CASE("a length prefix above 16 MiB is refused by itself", "[protocol][decode]") {
    Bytes scratch;
    const Bytes prefix = from_hex("01000001");
    const DecodeResult result = decode(prefix, scratch);
    CHECK(result.status == DecodeStatus::too_large);
    CHECK(result.error == Error::frame_too_large);
    CHECK(result.announced == kMaxFrameBytes + 1);
    CHECK(result.consumed == 0);
    CHECK(decode(from_hex("ffffffff"), scratch).announced == 0xffff'ffff);
    CHECK(decode(from_hex("01000000"), scratch).needed == kMaxFrameBytes);
}

TEST_CASE("bytes after the first frame are ignored and not consumed", "[protocol][decode]") {
    Bytes bytes = encode(Frame::ack(1)).bytes;
    const std::size_t size = bytes.size();
    bytes.push_back(std::byte{0xff});
    Bytes scratch;
    const DecodeResult result = decode(bytes, scratch);
    REQUIRE(result);
    CHECK(result.consumed == size);
    CHECK(result.frame == FrameView::ack(1));
}

TEST_CASE("a decoded frame borrows from the input", "[protocol][decode]") {
    const Bytes bytes = encode(Frame::publish_event("chan", "ev", to_bytes("payload"), 1)).bytes;
    Bytes scratch;
    const AllocationMeter meter;
    const DecodeResult result = decode(bytes, scratch);
    REQUIRE(result);
    const auto is_inside = [&](ByteView view) {
        return view.data() >= bytes.data() &&
               view.data() + view.size() <= bytes.data() + bytes.size();
    };
    CHECK(is_inside(as_bytes(result.frame.channel)));
    CHECK(is_inside(as_bytes(*result.frame.event)));
    CHECK(is_inside(result.frame.payload));
    CHECK(meter.calls() == 0);
}

TEST_CASE("a payload sent as integers is put into the scratch buffer", "[protocol][decode]") {
    const Bytes bytes = framed_hex(
        "83a474797065a77075626c697368a76368616e6e656ca163"
        "a77061796c6f6164 95 00 7f ccff cd0001 d000");
    Bytes scratch = to_bytes("former content");
    const DecodeResult result = decode(bytes, scratch);
    REQUIRE(result);
    CHECK(to_hex(result.frame.payload) == "007fff0100");
    CHECK(result.frame.payload.data() == scratch.data());
}

TEST_CASE("an empty array is an empty payload", "[protocol][decode]") {
    CHECK(decoded_hex("83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f616490") ==
          Frame::publish("c", {}));
}

TEST_CASE("integers of any width and of signed forms are read", "[protocol][decode]") {
    for (const char* const id : {"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005",
                                 "d10005", "d200000005", "d30000000000000005"}) {
        CHECK(decoded_hex((std::string("82a474797065a361636ba26964") + id).c_str()) ==
              Frame::ack(5));
    }
}

TEST_CASE("every field can be nil or wrong, and the error names it", "[protocol][decode]") {
    const Refusal refusals[] = {
        // ack: {type, id}
        {"82a474797065a361636ba26964c0", Error::missing_field, Field::id},
        {"81a474797065a361636b", Error::missing_field, Field::id},
        {"82a474797065a361636ba26964ff", Error::out_of_range, Field::id},
        {"82a474797065a361636ba26964d0ff", Error::out_of_range, Field::id},
        {"82a474797065a361636ba26964cb3ff0000000000000", Error::wrong_field_type, Field::id},
        {"82a474797065a361636ba26964a131", Error::wrong_field_type, Field::id},
        {"82a474797065a361636ba26964c2", Error::wrong_field_type, Field::id},
        {"82a474797065a361636ba26964cd01", Error::truncated},
        {"83a474797065a361636ba2696401a2696401", Error::duplicate_field, Field::id},
        {"83a474797065a361636ba2696401a474797065a361636b", Error::duplicate_field, Field::type},
        // error: {type, id, code, message}
        {"84a474797065a56572726f72a2696401a4636f6465ce00010000a76d657373616765a16d",
         Error::out_of_range, Field::code},
        {"84a474797065a56572726f72a2696401a4636f646501a76d657373616765a1ff", Error::invalid_utf8,
         Field::message},
        {"84a474797065a56572726f72a2696401a4636f646501a76d65737361676501", Error::wrong_field_type,
         Field::message},
        // connect: {type, version, token?}
        {"82a474797065a7636f6e6e656374a776657273696f6ecd0100", Error::out_of_range, Field::version},
        {"83a474797065a7636f6e6e656374a776657273696f6e01a5746f6b656e01", Error::wrong_field_type,
         Field::token},
        // connected: {type, connection_id, version, heartbeat}
        {"84a474797065a9636f6e6e6563746564ad636f6e6e656374696f6e5f6964a178a776657273696f6e01"
         "a9686561727462656174cf0000000100000000",
         Error::out_of_range, Field::heartbeat},
        {"83a474797065a9636f6e6e6563746564a776657273696f6e01a968656172746265617401",
         Error::missing_field, Field::connection_id},
        // ping: {type, timestamp?}
        {"82a474797065a470696e67a974696d657374616d70fb", Error::out_of_range, Field::timestamp},
        // publish: {type, channel, payload}
        {"83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164c0", Error::missing_field,
         Field::payload},
        {"83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f616405",
         Error::wrong_field_type, Field::payload},
        {"83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f616492c001",
         Error::wrong_field_type, Field::payload},
        {"83a474797065a77075626c697368a76368616e6e656ca163a77061796c6f6164c405", Error::truncated},
        {"84a474797065a77075626c697368a76368616e6e656ca163a56576656e74c4 01ffa77061796c6f6164c400",
         Error::invalid_utf8, Field::event},
        // presence: {type, id, channel, action, data?}
        {"84a474797065a870726573656e6365a2696401a76368616e6e656ca163a6616374696f6e04",
         Error::out_of_range, Field::action},
        {"85a474797065a870726573656e6365a2696401a76368616e6e656ca163a6616374696f6e00a464617461c400",
         Error::invalid_data, Field::data},
        {"85a474797065a870726573656e6365a2696401a76368616e6e656ca163a6616374696f6e00a464617461a1ff",
         Error::invalid_utf8, Field::data},
    };
    for (const Refusal& refusal : refusals) check_refused(refusal);
}

TEST_CASE("bodies that are no frame are refused with a reason", "[protocol][decode]") {
    const Refusal refusals[] = {
        {"", Error::truncated},
        {"c1", Error::invalid_marker},
        {"05", Error::not_a_frame},
        {"c0", Error::not_a_frame},
        {"a474797065", Error::not_a_frame},
        {"80", Error::missing_type, Field::type},
        {"90", Error::missing_type, Field::type},
        {"81a2696401", Error::missing_type, Field::type},
        {"82a474797065a3666f6fa2696401", Error::unknown_type, Field::type},
        {"82a474797065a341636ba2696401", Error::unknown_type, Field::type},
        {"82a47479706500a2696401", Error::unknown_type, Field::type},
        {"82a4747970650ba2696401", Error::unknown_type, Field::type},
        {"82a474797065c0a2696401", Error::wrong_field_type, Field::type},
        {"82a474797065ffa2696401", Error::wrong_field_type, Field::type},
        {"82a474797065cb4014000000000000a2696401", Error::wrong_field_type, Field::type},
        {"83a474797065a361636ba2696401c002", Error::invalid_key},
        {"83a474797065a361636ba2696401c302", Error::invalid_key},
        {"83a474797065a361636ba2696401ff02", Error::invalid_key},
        {"83a474797065a361636ba2696401ca3f80000002", Error::invalid_key},
        {"83a474797065a361636ba2696401d4017f02", Error::invalid_key},
        {"83a474797065a361636ba26964019002", Error::invalid_key},
        {"83a474797065a361636ba26964018002", Error::invalid_key},
        {"83a474797065a361636ba2696401a178c1", Error::invalid_marker},
        {"91a470696e67", Error::wrong_field_count},
        {"93a470696e67c0c0", Error::wrong_field_count},
        {"92a3666f6f01", Error::unknown_type, Field::type},
        {"92a361636bc0", Error::missing_field, Field::id},
    };
    for (const Refusal& refusal : refusals) check_refused(refusal);
}

TEST_CASE("keys of other types are unknown keys, whatever they hold", "[protocol][decode]") {
    // ack with channel 5, twice, and payload nil.
    CHECK(decoded_hex("85 a474797065a361636b a76368616e6e656c05 a76368616e6e656c05"
                      "a77061796c6f6164c0 a2696401") == Frame::ack(1));
}

TEST_CASE("unknown values of every kind are skipped", "[protocol][decode]") {
    for (const char* const value : {"c0",
                                    "c2",
                                    "c3",
                                    "05",
                                    "ff",
                                    "cc01",
                                    "cd0001",
                                    "ce00000001",
                                    "cf0000000000000001",
                                    "d001",
                                    "d10001",
                                    "d200000001",
                                    "d30000000000000001",
                                    "ca00000000",
                                    "cb0000000000000000",
                                    "a161",
                                    "d90161",
                                    "da000161",
                                    "db0000000161",
                                    "c40161",
                                    "c5000161",
                                    "c60000000161",
                                    "d40100",
                                    "d5010000",
                                    "d60100000000",
                                    "d7010000000000000000",
                                    "d80100000000000000000000000000000000",
                                    "c7010161",
                                    "c800010161",
                                    "c9000000010161",
                                    "9101",
                                    "dc000101",
                                    "dd0000000101",
                                    "810102",
                                    "de00010102",
                                    "df000000010102",
                                    "81c0c0",
                                    "819090"}) {
        CAPTURE(value);
        const std::string body = std::string("83a474797065a361636ba178") + value + "a2696401";
        CHECK(decoded_hex(body.c_str()) == Frame::ack(1));
        // Cut short anywhere, it is an error and nothing is read beyond the end.
        const Bytes whole = from_hex(body);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CHECK_FALSE(decode_owned(framed(ByteView(whole).first(size))));
        }
    }
}

TEST_CASE("the array form is read for every type", "[protocol][decode]") {
    CHECK(decoded_hex("93a973756273637269626501a163") == Frame::subscribe(1, "c"));
    CHECK(decoded_hex("93ab756e73756273637269626501a163") == Frame::unsubscribe(1, "c"));
    CHECK(decoded_hex("95a77075626c69736809a163a165c40178") ==
          Frame::publish_event("c", "e", to_bytes("x"), 9));
    CHECK(decoded_hex("95a870726573656e636504a16302c0") ==
          Frame::presence(4, "c", PresenceAction::update));
    CHECK(decoded_hex("95a870726573656e636504a1630205") ==
          Frame::presence(4, "c", PresenceAction::update, from_hex("05")));
    CHECK(decoded_hex("92a361636b07") == Frame::ack(7));
    CHECK(decoded_hex("94a56572726f7201cd03e9a16d") == Frame::error(1, 1001, "m"));
    CHECK(decoded_hex("92a470696e67c0") == Frame::ping());
    CHECK(decoded_hex("92a4706f6e6705") == Frame::pong(5));
    CHECK(decoded_hex("93a7636f6e6e65637401c0") == Frame::connect(1));
    CHECK(decoded_hex("94a9636f6e6e6563746564a17801cd7530") == Frame::connected("x", 1, 30000));
    CHECK(decoded_hex("920507") == Frame::ack(7));  // the type as its number
    CHECK(decoded_hex("dc0002a361636b07c0c0") == Frame::ack(7));
}

TEST_CASE("integer keys stand for fields by position, of whatever width", "[protocol][decode]") {
    CHECK(decoded_hex("83a474797065a9737562736372696265000101a163") == Frame::subscribe(1, "c"));
    CHECK(decoded_hex("83a474797065a9737562736372696265cd000001cc01a163") ==
          Frame::subscribe(1, "c"));
    CHECK(decoded_hex("83a474797065a361636ba26964010902") == Frame::ack(1));  // 9: no such position
    check_refused({"83a474797065a361636ba26964010002", Error::duplicate_field, Field::id});
}

TEST_CASE("nil counts as giving an optional field once", "[protocol][decode]") {
    check_refused({"83a474797065a470696e67a974696d657374616d70c0a974696d657374616d7005",
                   Error::duplicate_field, Field::timestamp});
}

TEST_CASE("text is UTF-8 or refused, on the fast path as on the general one",
          "[protocol][decode]") {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string channel(size, 'c');
            channel[at] = '\xff';
            const Bytes bytes = encode(Frame::subscribe(1, channel)).bytes;
            CHECK(decode_owned(bytes).error == Error::invalid_utf8);
        }
    }
    const std::string mixed = "ch\u00e4nnel \u20ac \U0001f600";
    CHECK(decode_owned(encode(Frame::subscribe(1, mixed)).bytes).frame.channel == mixed);
}

TEST_CASE("an owned frame holds canonical data", "[protocol][decode]") {
    const Frame frame = decoded_hex(
        "85a474797065a870726573656e6365a2696401a76368616e6e656ca163"
        "a6616374696f6e00a464617461 83a162cc01a161ca3fc00000a16102");
    CHECK(to_hex(*frame.data) == "82a16102a16201");
}
