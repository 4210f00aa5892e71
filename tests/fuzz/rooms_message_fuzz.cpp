// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Text from a client of a room: what our scanner takes for JSON, another parser does, too, and both
// see the same members in it; and numbers, names and queries of any form.
#include "admission.hpp"
#include "counter.hpp"
#include "decimal.hpp"
#include "message.hpp"
#include "number.hpp"
#include "properties.hpp"
#include "topic.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <pulse/protocol/utf8.hpp>

namespace {

using namespace pulse::rooms;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_json(std::string_view text) {
    const json::Parsed parsed = json::parse(text);
    if (!parsed) return;
    // Half a surrogate pair and numbers beyond a double are JSON of ours alone.
    const auto other = nlohmann::json::parse(text, nullptr, false);
    if (other.is_discarded()) {
        require(text.find("\\u") != std::string_view::npos ||
                text.find_first_of("0123456789") != std::string_view::npos);
    } else if (parsed.value.is(json::Type::object)) {
        std::size_t members = 0;
        json::Members walk(parsed.value);
        while (const auto member = walk.next()) {
            ++members;
            require(static_cast<bool>(json::parse(member->value.raw)));
            require(other.contains(json::Value{member->key}.text()));
        }
        require(members >= other.size());
    } else if (parsed.value.is(json::Type::text)) {
        require(other.get<std::string>() == parsed.value.text());
    }
    const Properties properties = make_properties(parsed.value);
    require(static_cast<bool>(json::parse(properties.all)));
    require(static_cast<bool>(json::parse(properties.open)));
    require(make_properties({properties.all}).all == properties.all);
}

void check_message(std::string_view text) {
    const ParsedMessage parsed = parse_message(text);
    if (!parsed.message) return;
    const Entry entry = read_entry(parsed.message->data);
    for (const json::Value value : {entry.id, entry.answer, entry.value}) {
        if (const auto key = property_key(value)) {
            std::string quoted;
            json::append_text(quoted, *key);
            require(static_cast<bool>(json::parse(quoted)));
            require(json::Value{quoted}.text() == *key);
            (void)parse_topic(*key);
        }
    }
}

void check_number(std::string_view text) {
    const auto decimal = decimal_of_text(text);
    if (!decimal) return;
    if (const auto number = Decimal::parse(*decimal)) {
        const std::string plain = number->to_text();
        require(plain.size() <= 2 * Decimal::kMaxDigits + 3);
        require(Decimal::parse(plain) == *number);
        const auto twice = number->plus(*number);
        if (twice)
            require(twice->plus(*Decimal::parse(plain.front() == '-' ? plain.substr(1)
                                                                     : "-" + plain)) == *number);
    }
    Amount amount(CounterForm::number);
    require(amount.add(decimal->empty() ? "0" : *decimal));
    std::string out;
    amount.append_json(out);
    require(static_cast<bool>(json::parse(out)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    require(pulse::protocol::is_valid_utf8(room_of_query(text)));
    if (const auto value = cookie_value(text, "a")) {
        require(pulse::protocol::is_valid_utf8(*value));
    }
    // A transport hands over nothing else.
    if (!pulse::protocol::is_valid_utf8(text)) return 0;
    check_json(text);
    check_message(text);
    check_number(text);
    return 0;
}
