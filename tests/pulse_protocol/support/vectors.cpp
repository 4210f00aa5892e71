// SPDX-License-Identifier: MIT OR Apache-2.0

#include "vectors.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace pulse::protocol::test {
namespace {

[[nodiscard]] unsigned digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    throw std::invalid_argument("not a lower-case hexadecimal digit");
}

[[nodiscard]] Bytes filled(const std::string& byte_hex, std::size_t count) {
    return Bytes(count, from_hex(byte_hex).at(0));
}

[[nodiscard]] std::uint64_t number_of(const Json& json) {
    return json.is_object() ? std::stoull(json.at("$u64").get<std::string>())
                            : json.get<std::uint64_t>();
}

[[nodiscard]] Bytes payload_of(const Json& json) {
    if (json.contains("$fill")) return filled(json.at("$fill"), json.at("count"));
    return from_hex(json.at("$bin").get<std::string>());
}

}  // namespace

const Json& vectors() {
    static const Json loaded = [] {
        const std::string path = PULSE_TEST_DATA_DIR "/conformance/vectors/native/frames.json";
        std::ifstream file(path);
        if (!file) throw std::runtime_error("cannot open " + path);
        return Json::parse(file);
    }();
    return loaded;
}

Bytes from_hex(std::string_view hex) {
    std::string digits;
    for (const char c : hex) {
        if (c != ' ') digits += c;
    }
    if (digits.size() % 2 != 0) throw std::invalid_argument("half a byte");
    Bytes bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(digit(digits[i]) << 4 | digit(digits[i + 1])));
    }
    return bytes;
}

std::string to_hex(ByteView bytes) {
    std::string hex;
    for (const std::byte byte : bytes) {
        hex += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
        hex += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 0xf];
    }
    return hex;
}

Bytes framed(ByteView body) {
    Bytes bytes(4 + body.size());
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[i] = static_cast<std::byte>(body.size() >> (24 - 8 * i) & 0xff);
    }
    std::copy(body.begin(), body.end(), bytes.begin() + 4);
    return bytes;
}

Bytes bytes_of(const Json& vector) {
    if (vector.contains("hex")) return from_hex(vector.at("hex").get<std::string>());
    Bytes bytes;
    for (const Json& segment : vector.at("segments")) {
        const Bytes part = segment.contains("hex")
                               ? from_hex(segment.at("hex").get<std::string>())
                               : filled(segment.at("fill"), segment.at("count"));
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
}

Value value_of(const Json& json) {
    switch (json.type()) {
        case Json::value_t::null:
            return {};
        case Json::value_t::boolean:
            return json.get<bool>();
        case Json::value_t::number_unsigned:
            return json.get<std::uint64_t>();
        case Json::value_t::number_integer:
            return json.get<std::int64_t>();
        case Json::value_t::number_float:
            return json.get<double>();
        case Json::value_t::string:
            return json.get<std::string>();
        case Json::value_t::array: {
            Value::Array items;
            for (const Json& item : json) items.push_back(value_of(item));
            return items;
        }
        case Json::value_t::object: {
            Value::Object members;
            for (const auto& [key, member] : json.items()) members.emplace(key, value_of(member));
            return members;
        }
        default:
            throw std::invalid_argument("not a JSON value");
    }
}

Frame frame_of(const Json& decoded) {
    Frame frame;
    frame.type = frame_type_from(decoded.at("type").get<std::string>()).value();
    for (const auto& [name, field] : decoded.items()) {
        if (name == "id") frame.id = number_of(field);
        if (name == "channel") frame.channel = field;
        if (name == "event") frame.event = field.get<std::string>();
        if (name == "payload") frame.payload = payload_of(field);
        if (name == "action") frame.action = presence_action_from(number_of(field)).value();
        if (name == "data" && encode_value(value_of(field), frame.data.emplace()) != Error::none) {
            throw std::invalid_argument("data cannot be encoded");
        }
        if (name == "code") frame.code = field;
        if (name == "message") frame.message = field;
        if (name == "timestamp") frame.timestamp = number_of(field);
        if (name == "version") frame.version = field;
        if (name == "token") frame.token = field.get<std::string>();
        if (name == "connection_id") frame.connection_id = field;
        if (name == "heartbeat") frame.heartbeat = field;
    }
    return frame;
}

std::vector<Bytes> small_inputs() {
    std::vector<Bytes> inputs;
    for (const char* const array :
         {"valid", "accepted_noncanonical", "numeric_type", "malformed"}) {
        for (const Json& vector : vectors().at(array)) inputs.push_back(bytes_of(vector));
    }
    return inputs;
}

}  // namespace pulse::protocol::test
