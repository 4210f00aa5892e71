// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The binary codec against msgpack-cxx, which shares no code with it.

#include "support/catch.hpp"
#include "support/generators.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <msgpack.hpp>

#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/value.hpp>

using namespace pulse::protocol;
using namespace pulse::protocol::test;

namespace {

using Packer = msgpack::packer<msgpack::sbuffer>;

void pack_text(Packer& packer, std::string_view text) {
    packer.pack_str(static_cast<std::uint32_t>(text.size()));
    packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

void pack_value(Packer& packer, const Value& value) {
    switch (value.kind()) {
        case Value::Kind::nil:
            packer.pack_nil();
            break;
        case Value::Kind::boolean:
            *value.as_bool() ? packer.pack_true() : packer.pack_false();
            break;
        case Value::Kind::uint:
            packer.pack_uint64(*value.as_uint());
            break;
        case Value::Kind::negative:
            packer.pack_int64(*value.as_negative());
            break;
        case Value::Kind::number:
            packer.pack_double(*value.as_double());
            break;
        case Value::Kind::string:
            pack_text(packer, *value.as_string());
            break;
        case Value::Kind::array:
            packer.pack_array(static_cast<std::uint32_t>(value.as_array()->size()));
            for (const Value& item : *value.as_array()) pack_value(packer, item);
            break;
        case Value::Kind::object:
            packer.pack_map(static_cast<std::uint32_t>(value.as_object()->size()));
            for (const auto& [key, member] : *value.as_object()) {
                pack_text(packer, key);
                pack_value(packer, member);
            }
            break;
    }
}

[[nodiscard]] Value value_from(const msgpack::object& object) {
    switch (object.type) {
        case msgpack::type::NIL:
            return {};
        case msgpack::type::BOOLEAN:
            return object.via.boolean;
        case msgpack::type::POSITIVE_INTEGER:
            return object.via.u64;
        case msgpack::type::NEGATIVE_INTEGER:
            return object.via.i64;
        case msgpack::type::FLOAT32:
        case msgpack::type::FLOAT64:
            return object.via.f64;
        case msgpack::type::STR:
            return std::string(object.via.str.ptr, object.via.str.size);
        case msgpack::type::ARRAY: {
            Value::Array items;
            for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
                items.push_back(value_from(object.via.array.ptr[i]));
            }
            return items;
        }
        case msgpack::type::MAP: {
            Value::Object members;
            for (std::uint32_t i = 0; i < object.via.map.size; ++i) {
                const msgpack::object_kv& entry = object.via.map.ptr[i];
                members[std::string(entry.key.via.str.ptr, entry.key.via.str.size)] =
                    value_from(entry.val);
            }
            return members;
        }
        default:
            throw std::invalid_argument("not JSON-like");
    }
}

/// A map entry that can be packed: a key and a way to pack its value.
struct Entry {
    std::string key;
    std::function<void(Packer&)> pack;
};

[[nodiscard]] Entry number(std::string key, std::uint64_t value) {
    return {std::move(key), [value](Packer& packer) { packer.pack_uint64(value); }};
}
[[nodiscard]] Entry text(std::string key, const std::string& value) {
    return {std::move(key), [value](Packer& packer) { pack_text(packer, value); }};
}

/// The entries of `frame` in the order of the specification, written down a second time.
[[nodiscard]] std::vector<Entry> entries_of(const Frame& frame) {
    std::vector<Entry> entries{text("type", std::string(to_string(frame.type)))};
    const auto add = [&entries](Entry entry) { entries.push_back(std::move(entry)); };
    switch (frame.type) {
        case FrameType::subscribe:
        case FrameType::unsubscribe:
            add(number("id", *frame.id));
            add(text("channel", frame.channel));
            break;
        case FrameType::publish:
            if (frame.id) add(number("id", *frame.id));
            add(text("channel", frame.channel));
            if (frame.event) add(text("event", *frame.event));
            add({"payload", [&frame](Packer& packer) {
                     const auto size = static_cast<std::uint32_t>(frame.payload.size());
                     packer.pack_bin(size);
                     packer.pack_bin_body(reinterpret_cast<const char*>(frame.payload.data()),
                                          size);
                 }});
            break;
        case FrameType::presence:
            add(number("id", *frame.id));
            add(text("channel", frame.channel));
            add(number("action", static_cast<std::uint64_t>(frame.action)));
            if (frame.data) {
                add({"data", [&frame](Packer& packer) {
                         pack_value(packer, decode_value(*frame.data).value);
                     }});
            }
            break;
        case FrameType::ack:
            add(number("id", *frame.id));
            break;
        case FrameType::error:
            add(number("id", *frame.id));
            add(number("code", frame.code));
            add(text("message", frame.message));
            break;
        case FrameType::ping:
        case FrameType::pong:
            if (frame.timestamp) add(number("timestamp", *frame.timestamp));
            break;
        case FrameType::connect:
            add(number("version", frame.version));
            if (frame.token) add(text("token", *frame.token));
            break;
        case FrameType::connected:
            add(text("connection_id", frame.connection_id));
            add(number("version", frame.version));
            add(number("heartbeat", frame.heartbeat));
            break;
    }
    return entries;
}

[[nodiscard]] Bytes packed(const std::vector<Entry>& entries) {
    msgpack::sbuffer buffer;
    Packer packer(buffer);
    packer.pack_map(static_cast<std::uint32_t>(entries.size()));
    for (const Entry& entry : entries) {
        pack_text(packer, entry.key);
        entry.pack(packer);
    }
    return framed(as_bytes({buffer.data(), buffer.size()}));
}

}  // namespace

TEST_CASE("frames are encoded as msgpack-cxx packs them", "[protocol][oracle]") {
    Random random(14);
    for (int i = 0; i < 3000; ++i) {
        const Frame frame = random.frame();
        CAPTURE(to_string(frame));
        REQUIRE(encode(frame).bytes == packed(entries_of(frame)));
    }
}

TEST_CASE("frames that msgpack-cxx packs in any order, with unknown entries, are decoded",
          "[protocol][oracle]") {
    Random random(15);
    for (int i = 0; i < 3000; ++i) {
        const Frame frame = random.frame();
        CAPTURE(to_string(frame));
        std::vector<Entry> entries = entries_of(frame);
        for (std::size_t extra = random.below(4); extra > 0; --extra) {
            const Value value = random.value(3);
            entries.push_back({"unknown " + random.text(),
                               [value](Packer& packer) { pack_value(packer, value); }});
        }
        for (std::size_t j = entries.size(); j > 1; --j) {
            std::swap(entries[j - 1], entries[random.below(j)]);
        }
        const OwnedDecodeResult decoded = decode_owned(packed(entries));
        REQUIRE(decoded);
        REQUIRE(decoded.frame == frame);
    }
}

TEST_CASE("what is encoded is read by msgpack-cxx entry by entry", "[protocol][oracle]") {
    Random random(16);
    for (int i = 0; i < 1000; ++i) {
        const Frame frame = random.frame();
        const Bytes bytes = encode(frame).bytes;
        std::size_t offset = 0;
        const auto* const body = reinterpret_cast<const char*>(bytes.data()) + kLengthPrefixBytes;
        const msgpack::object_handle handle =
            msgpack::unpack(body, bytes.size() - kLengthPrefixBytes, offset);
        REQUIRE(offset == bytes.size() - kLengthPrefixBytes);
        REQUIRE(handle.get().type == msgpack::type::MAP);
        const std::vector<Entry> expected = entries_of(frame);
        REQUIRE(handle.get().via.map.size == expected.size());
        for (std::size_t j = 0; j < expected.size(); ++j) {
            CHECK(handle.get().via.map.ptr[j].key.as<std::string>() == expected[j].key);
        }
    }
}

TEST_CASE("values are read as msgpack-cxx reads them", "[protocol][oracle]") {
    Random random(17);
    std::size_t wrong = 0;
    for (int i = 0; i < 3000; ++i) {
        const Value value = random.value(5);
        msgpack::sbuffer buffer;
        Packer packer(buffer);
        pack_value(packer, value);
        const ByteView raw = as_bytes({buffer.data(), buffer.size()});
        const ValueResult decoded = decode_value(raw);
        const msgpack::object_handle handle = msgpack::unpack(buffer.data(), buffer.size());
        wrong += !decoded || decoded.value != value_from(handle.get());
        // msgpack-cxx packs minimal integers and sorted keys here: already canonical.
        Bytes canonical;
        wrong += canonicalise(raw, canonical) != Error::none ||
                 as_text(canonical) != std::string_view(buffer.data(), buffer.size());
    }
    CHECK(wrong == 0);
}

TEST_CASE("random bytes are one value for msgpack-cxx exactly when they are one to skip",
          "[protocol][oracle]") {
    // As the value of an unknown key, which may be anything.
    Random random(18);
    std::size_t good = 0;
    for (int i = 0; i < 20'000; ++i) {
        Bytes value(1 + random.below(12));
        for (std::byte& byte : value) byte = static_cast<std::byte>(random.next());
        bool is_value = false;
        try {
            std::size_t offset = 0;
            // It allocates for what is announced: nothing longer than the input can be right.
            const msgpack::unpack_limit limit(value.size(), value.size(), value.size(),
                                              value.size(), value.size());
            static_cast<void>(msgpack::unpack(reinterpret_cast<const char*>(value.data()),
                                              value.size(), offset, nullptr, nullptr, limit));
            is_value = offset == value.size();
        } catch (const msgpack::unpack_error&) {
        }
        if (!is_value) continue;
        ++good;
        Bytes body = from_hex("83a474797065a361636ba178");
        body.insert(body.end(), value.begin(), value.end());
        const Bytes id = from_hex("a2696407");
        body.insert(body.end(), id.begin(), id.end());
        CAPTURE(to_hex(value));
        CHECK(decode_owned(framed(body)).frame == Frame::ack(7));
    }
    CHECK(good > 1000);
}
