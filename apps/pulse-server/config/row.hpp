// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a section states its keys: one row per key, next to the struct it fills. Everything else
// (TOML and environment reading, --print-config, the reference file and page, reload, suggestions)
// is derived from these rows, so that a key is written down once.
#pragma once

#include "config/value.hpp"

#include <cassert>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace pulse::server {

enum class Unit : std::uint8_t { none, bytes };

/// What a row says about a key, beyond its member. Default: the member's initialiser.
struct KeyInfo {
    std::string_view name;

    /// Whole sentences for operators; what zero means is said here.
    std::string_view doc;

    /// Limits of numbers, both allowed. The member's type narrows them further.
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    Unit unit = Unit::none;

    /// A reload applies a change at once; otherwise it needs a restart.
    bool live = false;

    /// Never printed. A secret `x` may be accompanied by a key `x_file`: the loader then reads the
    /// secret from that file.
    bool secret = false;

    /// What happens when an optional key is not set, as half a sentence.
    std::string_view when_unset{};

    /// A second environment variable beside PULSE_<SECTION>_<KEY>, which wins over it.
    std::string_view environment_alias{};

    /// The name under which the key is also accepted outside any table; the table wins.
    std::string_view top_level_alias{};

    std::string_view flag{};           ///< e.g. "--port"
    std::string_view flag_argument{};  ///< its placeholder in --help
    std::string_view flag_help{};      ///< a few words for --help
};

/// Specialise for an enum used in a section: `static constexpr Choice kChoices[]`.
template <typename Enum>
struct EnumChoices;

/// Maps a member's type to a kind and back and forth to Value.
template <typename T>
struct ValueTraits;

template <>
struct ValueTraits<bool> {
    static constexpr Kind kKind = Kind::boolean;
    static Value to_value(bool member) { return member; }
    static bool from_value(const Value& value) { return std::get<bool>(value); }
};

template <std::unsigned_integral T>
struct ValueTraits<T> {
    static constexpr Kind kKind = Kind::integer;
    static constexpr std::int64_t kMax =
        sizeof(T) < sizeof(std::int64_t) ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                                         : std::numeric_limits<std::int64_t>::max();
    static Value to_value(T member) { return static_cast<std::int64_t>(member); }
    static T from_value(const Value& value) {
        return static_cast<T>(std::get<std::int64_t>(value));
    }
};

template <>
struct ValueTraits<std::chrono::milliseconds> {
    static constexpr Kind kKind = Kind::duration;
    static Value to_value(std::chrono::milliseconds member) {
        return static_cast<std::int64_t>(member.count());
    }
    static std::chrono::milliseconds from_value(const Value& value) {
        return std::chrono::milliseconds{std::get<std::int64_t>(value)};
    }
};

template <>
struct ValueTraits<std::string> {
    static constexpr Kind kKind = Kind::text;
    static Value to_value(const std::string& member) { return member; }
    static std::string from_value(const Value& value) { return std::get<std::string>(value); }
};

template <>
struct ValueTraits<StringList> {
    static constexpr Kind kKind = Kind::list;
    static Value to_value(const StringList& member) { return member; }
    static StringList from_value(const Value& value) { return std::get<StringList>(value); }
};

template <typename Enum>
requires std::is_enum_v<Enum>
struct ValueTraits<Enum> {
    static constexpr Kind kKind = Kind::choice;
    static Value to_value(Enum member) {
        for (const Choice& choice : EnumChoices<Enum>::kChoices) {
            if (choice.number == static_cast<int>(member)) return std::string{choice.name};
        }
        assert(false && "enumerator without a name in kChoices");
        return std::monostate{};
    }
    static Enum from_value(const Value& value) {
        for (const Choice& choice : EnumChoices<Enum>::kChoices) {
            if (choice.name == std::get<std::string>(value))
                return static_cast<Enum>(choice.number);
        }
        assert(false && "choices are checked before they are stored");
        return static_cast<Enum>(EnumChoices<Enum>::kChoices[0].number);
    }
};

template <typename T>
struct ValueTraits<std::optional<T>> {
    static constexpr Kind kKind = ValueTraits<T>::kKind;
    static Value to_value(const std::optional<T>& member) {
        return member ? ValueTraits<T>::to_value(*member) : Value{};
    }
    static std::optional<T> from_value(const Value& value) {
        if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
        return ValueTraits<T>::from_value(value);
    }
};

/// One key of `Section`. Made by row() only.
template <typename Section>
struct Row {
    KeyInfo info;
    Kind kind;
    std::span<const Choice> choices;
    Value (*get)(const Section&);
    void (*set)(Section&, const Value&);
};

/// One table of the file: its name, what it is about, its keys.
template <typename Section>
struct SectionTable {
    std::string_view name;
    std::string_view doc;
    std::span<const Row<Section>> rows;
};

namespace detail {
template <typename Pointer>
struct MemberOf;
template <typename S, typename T>
struct MemberOf<T S::*> {
    using Section = S;
    using Type = T;
};
}  // namespace detail

/// `row<&LimitsOptions::max_channels>({.name = "max_channels", …})`.
template <auto Member>
consteval auto row(KeyInfo info) {
    using Section = typename detail::MemberOf<decltype(Member)>::Section;
    using Type = typename detail::MemberOf<decltype(Member)>::Type;
    using Traits = ValueTraits<Type>;

    Kind kind = Traits::kKind;
    if (kind == Kind::integer && info.unit == Unit::bytes) kind = Kind::bytes;
    if constexpr (std::unsigned_integral<Type> && !std::same_as<Type, bool>) {
        if (info.max > Traits::kMax) info.max = Traits::kMax;
    }
    std::span<const Choice> choices;
    if constexpr (std::is_enum_v<Type>) choices = EnumChoices<Type>::kChoices;

    return Row<Section>{
        .info = info,
        .kind = kind,
        .choices = choices,
        .get = [](const Section& section) { return Traits::to_value(section.*Member); },
        .set = [](Section& section,
                  const Value& value) { section.*Member = Traits::from_value(value); },
    };
}

}  // namespace pulse::server
