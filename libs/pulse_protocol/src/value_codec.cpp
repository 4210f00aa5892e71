// SPDX-License-Identifier: MIT OR Apache-2.0

#include "ascii.hpp"
#include "header.hpp"
#include "scan.hpp"

#include <bit>
#include <cmath>

#include <pulse/protocol/value.hpp>

namespace pulse::protocol {
namespace {

using wire::Cursor;
using wire::Header;
using Kind = Header::Kind;

[[nodiscard]] Value number_value(double number) {
    return std::isfinite(number) ? Value(number) : Value();
}

/// Builds the tree from the top. `open_` points into it: a container does not move while it is
/// open, as nothing is added to its parent meanwhile.
class ValueReader {
  public:
    explicit ValueReader(ByteView raw) noexcept : in_{raw.data(), raw.data() + raw.size()} {}

    [[nodiscard]] ValueResult read() {
        ValueResult result;
        result.error = read_into(result.value);
        if (result.error == Error::none && in_.p != in_.end) result.error = Error::trailing_bytes;
        if (result.error != Error::none) result.value = Value();
        return result;
    }

  private:
    struct Open {
        Value* container;
        std::uint64_t missing;  ///< items, or members
    };

    [[nodiscard]] Error read_into(Value& root) {
        if (const Error error = read_value(root); error != Error::none) return error;
        while (!open_.empty()) {
            Open& top = open_.back();
            if (top.missing == 0) {
                open_.pop_back();
                continue;
            }
            --top.missing;
            if (Value::Array* const items = top.container->as_array()) {
                const Error error = read_value(items->emplace_back());
                if (error != Error::none) return error;
            } else {
                const Error error = read_member(*top.container->as_object());
                if (error != Error::none) return error;
            }
        }
        return Error::none;
    }

    [[nodiscard]] Error read_member(Value::Object& members) {
        Header header;
        if (const Error error = wire::read_header(in_, header); error != Error::none) return error;
        if (header.kind != Kind::str) return Error::invalid_data;
        std::string key;
        if (const Error error = read_string(header, key); error != Error::none) return error;
        Value& member = members[std::move(key)];
        member = Value();  // the last of equal keys counts
        return read_value(member);
    }

    [[nodiscard]] Error read_string(const Header& header, std::string& out) {
        const auto size = static_cast<std::size_t>(header.value);
        const std::string_view text = as_text({in_.p, size});
        if (!is_utf8(text)) return Error::invalid_utf8;
        in_.p += size;
        out = text;
        return Error::none;
    }

    [[nodiscard]] Error read_value(Value& out) {
        Header header;
        if (const Error error = wire::read_header(in_, header); error != Error::none) return error;
        switch (header.kind) {
            case Kind::nil:
                break;
            case Kind::boolean:
                out = header.value != 0;
                break;
            case Kind::uint:
                out = header.value;
                break;
            case Kind::negative:
                out = static_cast<std::int64_t>(header.value);
                break;
            case Kind::float32:
            case Kind::float64:
                out = number_value(wire::as_double(header));
                break;
            case Kind::str: {
                std::string text;
                if (const Error error = read_string(header, text); error != Error::none) {
                    return error;
                }
                out = std::move(text);
                break;
            }
            case Kind::bin:
            case Kind::ext:
                return Error::invalid_data;
            case Kind::array:
            case Kind::map:
                if (open_.size() == kMaxValueDepth) return Error::too_deep;
                if (header.kind == Kind::array) {
                    out = Value::Array();
                } else {
                    out = Value::Object();
                }
                open_.push_back({&out, header.value});
                break;
        }
        return Error::none;
    }

    Cursor in_;
    std::vector<Open> open_;
};

class ValueWriter {
  public:
    explicit ValueWriter(std::vector<std::byte>& out) noexcept : out_(out) {}

    [[nodiscard]] Error write(const Value& root) {
        if (!write_value(root)) return Error::too_deep;
        while (!open_.empty()) {
            Open& top = open_.back();
            if (const Value::Array* const items = top.container->as_array()) {
                if (top.item == items->end()) {
                    open_.pop_back();
                } else if (!write_value(*top.item++)) {
                    return Error::too_deep;
                }
            } else if (top.member == top.container->as_object()->end()) {
                open_.pop_back();
            } else {
                const auto& [key, member] = *top.member++;
                write_string(key);
                if (!write_value(member)) return Error::too_deep;
            }
        }
        return Error::none;
    }

  private:
    struct Open {
        const Value* container;
        Value::Array::const_iterator item{};
        Value::Object::const_iterator member{};
    };

    void write_string(std::string_view text) {
        wire::append_header(out_, {Kind::str, text.size()});
        const ByteView bytes = as_bytes(text);
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

    /// False when it goes too deep.
    [[nodiscard]] bool write_value(const Value& value) {
        switch (value.kind()) {
            case Value::Kind::nil:
                wire::append_header(out_, {Kind::nil, 0});
                break;
            case Value::Kind::boolean:
                wire::append_header(out_, {Kind::boolean, *value.as_bool() ? 1U : 0U});
                break;
            case Value::Kind::uint:
                wire::append_header(out_, {Kind::uint, *value.as_uint()});
                break;
            case Value::Kind::negative:
                wire::append_header(
                    out_, {Kind::negative, static_cast<std::uint64_t>(*value.as_negative())});
                break;
            case Value::Kind::number:
                wire::append_header(
                    out_, {Kind::float64, std::bit_cast<std::uint64_t>(*value.as_double())});
                break;
            case Value::Kind::string:
                write_string(*value.as_string());
                break;
            case Value::Kind::array: {
                if (open_.size() == kMaxValueDepth) return false;
                const Value::Array& items = *value.as_array();
                wire::append_header(out_, {Kind::array, items.size()});
                open_.push_back({&value, items.begin(), {}});
                break;
            }
            case Value::Kind::object: {
                if (open_.size() == kMaxValueDepth) return false;
                const Value::Object& members = *value.as_object();
                wire::append_header(out_, {Kind::map, members.size()});
                open_.push_back({&value, {}, members.begin()});
                break;
            }
        }
        return true;
    }

    std::vector<std::byte>& out_;
    std::vector<Open> open_;
};

}  // namespace

ValueResult decode_value(ByteView raw) { return ValueReader(raw).read(); }

Error encode_value(const Value& value, std::vector<std::byte>& out) {
    const std::size_t old_size = out.size();
    const Error error = ValueWriter(out).write(value);
    if (error != Error::none) out.resize(old_size);
    return error;
}

}  // namespace pulse::protocol
