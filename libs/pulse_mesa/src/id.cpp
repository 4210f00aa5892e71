// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>
#include <charconv>
#include <cmath>

#include <pulse/core/json.hpp>
#include <pulse/mesa/id.hpp>

namespace pulse::mesa {

namespace {

/// As ECMAScript writes the number, for all that ids are made of: 5, 5.0 and 5e0 are one id.
std::optional<std::string> canonical_number(std::string_view json) {
    double value = 0;
    const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
    if (error != std::errc{} || end != json.data() + json.size()) return std::nullopt;
    constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers below it are exact
    std::array<char, 32> out{};
    std::to_chars_result written{};
    if (std::trunc(value) == value && std::abs(value) < kExact) {
        written =
            std::to_chars(out.data(), out.data() + out.size(), static_cast<std::int64_t>(value));
    } else {
        written = std::to_chars(out.data(), out.data() + out.size(), value);
    }
    return std::string(out.data(), written.ptr);
}

}  // namespace

std::optional<Id> Id::from_json(std::string_view json) {
    const auto parsed = core::json::parse(json);
    if (!parsed) return std::nullopt;
    if (parsed.value.is(core::json::Type::text)) return Id(parsed.value.text());
    if (!parsed.value.is(core::json::Type::number)) return std::nullopt;
    auto number = canonical_number(parsed.value.raw);
    if (!number) return std::nullopt;
    Id id(std::move(*number));
    id.is_number_ = true;
    return id;
}

std::string Id::to_json() const {
    if (is_number_) return text_;
    std::string out;
    core::json::append_text(out, text_);
    return out;
}

}  // namespace pulse::mesa
