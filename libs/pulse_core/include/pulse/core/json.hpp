// SPDX-License-Identifier: MIT OR Apache-2.0
//
// JSON as slices of the text it came in.
//
// What clients send is checked once, then passed on as they wrote it: a number keeps its digits, a
// string its escapes, an object its order and even its repeated keys (readers take the last one, as
// the original's did). Nothing is built in memory, and nesting costs no stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pulse::core::json {

enum class Type : std::uint8_t { absent, null, boolean, number, text, array, object };

/// One value of checked JSON, without white space around it. Borrows. A value type.
struct Value {
    std::string_view raw;

    [[nodiscard]] Type type() const noexcept;
    [[nodiscard]] bool is_present() const noexcept { return !raw.empty(); }
    [[nodiscard]] bool is(Type wanted) const noexcept { return type() == wanted; }
    /// Of Type::text: without quotes and escapes. Half a surrogate pair becomes its three bytes,
    /// which append_text() turns back.
    [[nodiscard]] std::string text() const;
};

/// How deep containers may nest in what peers send.
inline constexpr std::size_t kMaxDepth = 512;
/// How deep they may nest at all: room for what is put around it by those who pass it on.
inline constexpr std::size_t kMaxWrappedDepth = kMaxDepth + 64;

enum class Problem : std::uint8_t { none, invalid, too_deep };

struct Parsed {
    Value value;
    Problem problem = Problem::none;
    [[nodiscard]] explicit operator bool() const noexcept { return problem == Problem::none; }
};

/// Checks that `text` is one JSON value (RFC 8259) and white space; that it is UTF-8 is known.
/// `max_depth` is kMaxWrappedDepth at most.
[[nodiscard]] Parsed parse(std::string_view text, std::size_t max_depth = kMaxDepth);

/// Walks the members of a checked object in their order.
class Members {
  public:
    explicit Members(Value object) noexcept;
    struct Member {
        std::string_view key;  ///< raw, with quotes
        Value value;
    };
    [[nodiscard]] std::optional<Member> next() noexcept;

  private:
    std::string_view rest_;
};

/// Walks the elements of a checked array.
class Elements {
  public:
    explicit Elements(Value array) noexcept;
    [[nodiscard]] std::optional<Value> next() noexcept;

  private:
    std::string_view rest_;
};

/// Whether a raw key, with quotes, spells `name`, which has none but letters.
[[nodiscard]] bool is_key(std::string_view raw, std::string_view name);

/// Appends `text` with quotes, as ECMAScript's JSON.stringify does.
void append_text(std::string& out, std::string_view text);

}  // namespace pulse::core::json
