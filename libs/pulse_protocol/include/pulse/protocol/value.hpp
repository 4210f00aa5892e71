// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Free-form values of JSON's kinds, as `presence.data` carries them, and their canonical
// MessagePack form: object keys sorted by bytes, the last of equal keys kept, integers and headers
// of minimal width, every float 64 bits wide, NaN and infinities as nil.
//
// Nothing here recurses, so depth costs heap and not stack: copying, comparing, destroying and
// coding a Value that is kMaxValueDepth deep is safe on a thread with a small stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>

namespace pulse::protocol {

/// Deepest nesting of containers in a value: what the frame around it leaves.
inline constexpr std::size_t kMaxValueDepth = kMaxDepth - 1;

/// nil, bool, integer, double, string, array or object. A value: copyable, comparable.
///
/// An integer that is not negative is always held unsigned, so that equal numbers are equal values;
/// 1 and 1.0 differ, as they do on the wire.
class Value {
  public:
    using Array = std::vector<Value>;
    using Object = std::map<std::string, Value, std::less<>>;  // std::string orders by bytes

    enum class Kind : std::uint8_t { nil, boolean, uint, negative, number, string, array, object };

    Value() noexcept = default;
    Value(std::nullptr_t) noexcept {}
    template <typename Int>
    requires std::is_integral_v<Int> Value(Int number)
    noexcept {
        if constexpr (std::is_same_v<Int, bool>) {
            data_.emplace<bool>(number);
        } else if constexpr (std::is_signed_v<Int>) {
            if (number < 0) {
                data_.emplace<std::int64_t>(number);
            } else {
                data_.emplace<std::uint64_t>(static_cast<std::uint64_t>(number));
            }
        } else {
            data_.emplace<std::uint64_t>(number);
        }
    }
    Value(double number) noexcept : data_(number) {}
    Value(std::string text) noexcept : data_(std::move(text)) {}
    Value(std::string_view text) : data_(std::string(text)) {}
    Value(const char* text) : data_(std::string(text)) {}
    Value(Array items) noexcept : data_(std::move(items)) {}
    Value(Object members) noexcept : data_(std::move(members)) {}

    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();

    [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
    [[nodiscard]] bool is_nil() const noexcept { return kind() == Kind::nil; }

    /// Null when the value is of another kind.
    [[nodiscard]] const bool* as_bool() const noexcept { return std::get_if<bool>(&data_); }
    [[nodiscard]] const std::uint64_t* as_uint() const noexcept {
        return std::get_if<std::uint64_t>(&data_);
    }
    [[nodiscard]] const std::int64_t* as_negative() const noexcept {
        return std::get_if<std::int64_t>(&data_);
    }
    [[nodiscard]] const double* as_double() const noexcept { return std::get_if<double>(&data_); }
    [[nodiscard]] const std::string* as_string() const noexcept {
        return std::get_if<std::string>(&data_);
    }
    [[nodiscard]] const Array* as_array() const noexcept { return std::get_if<Array>(&data_); }
    [[nodiscard]] Array* as_array() noexcept { return std::get_if<Array>(&data_); }
    [[nodiscard]] const Object* as_object() const noexcept { return std::get_if<Object>(&data_); }
    [[nodiscard]] Object* as_object() noexcept { return std::get_if<Object>(&data_); }

    /// The member `key` of an object; null when there is none, or when this is not an object.
    [[nodiscard]] const Value* find(std::string_view key) const noexcept;

    /// Doubles compare as numbers: NaN equals nothing, 0.0 equals -0.0.
    friend bool operator==(const Value& a, const Value& b);

  private:
    using Data = std::variant<std::monostate, bool, std::uint64_t, std::int64_t, double,
                              std::string, Array, Object>;

    [[nodiscard]] bool has_children() const noexcept;
    void destroy_children() noexcept;
    void copy_from(const Value& source);  ///< precondition: this is nil

    Data data_;
};

struct ValueResult {
    Error error = Error::none;
    Value value;

    [[nodiscard]] explicit operator bool() const noexcept { return error == Error::none; }
};

/// Decodes one MessagePack value that takes up all of `raw`.
///
/// Errors: invalid_data for bin, ext and keys that are not strings; invalid_utf8; too_deep beyond
/// kMaxValueDepth; truncated; invalid_marker; trailing_bytes.
///
/// A tree costs some 56 bytes an element and 130 a member, though an element may be a single byte
/// on the wire. Bound the input from strangers, or use canonicalise(), which builds no tree.
[[nodiscard]] ValueResult decode_value(ByteView raw);

/// Appends the canonical form. Error::too_deep (and `out` unchanged) for a value that was built
/// deeper than kMaxValueDepth. Strings are taken as they are: see to it that they are UTF-8.
[[nodiscard]] Error encode_value(const Value& value, std::vector<std::byte>& out);

/// Appends the canonical form of the MessagePack value `raw`: byte for byte what the reference
/// would emit after decoding it. Builds no Value: memory stays within a small multiple of the
/// input, and input that is canonical already, as most is, is only checked and copied.
///
/// `max_depth`: containers inside one another that are taken, at most kMaxValueDepth. Lower it for
/// a value that is to stand inside others, or the whole may be too deep to be decoded.
///
/// Errors: as decode_value(), and frame_too_large above kMaxFrameBytes; `out` is unchanged then.
[[nodiscard]] Error canonicalise(ByteView raw, std::vector<std::byte>& out,
                                 std::size_t max_depth = kMaxValueDepth);

}  // namespace pulse::protocol
