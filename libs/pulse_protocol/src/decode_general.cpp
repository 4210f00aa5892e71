// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The general reader. A map is read twice: once to find `type`, since which keys are known depends
// on it, and once for the fields.

#include "ascii.hpp"
#include "decode_body.hpp"
#include "fields.hpp"
#include "scan.hpp"
#include "wire.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace pulse::protocol {
namespace {

using wire::Cursor;
using wire::Grammar;
using wire::Header;
using Kind = Header::Kind;

/// What the values of a frame may still nest: the frame's own container is open.
constexpr std::size_t kInnerDepth = kMaxDepth - 1;

class BodyReader {
  public:
    BodyReader(ByteView body, FrameView& out, IntegerPayload& integers) noexcept
        : cursor_{body.data(), body.data() + body.size()}, out_(out), integers_(integers) {}

    [[nodiscard]] BodyStatus read() noexcept {
        Header header;
        if (!read_header(header)) return status_;
        if (header.kind == Kind::map) {
            read_map(static_cast<std::size_t>(header.value));
        } else if (header.kind == Kind::array) {
            read_array(static_cast<std::size_t>(header.value));
        } else {
            fail(Error::not_a_frame);
        }
        return status_;
    }

  private:
    // Each step returns false after an error, which then stands in status_.

    bool fail(Error error, Field field = Field::none) noexcept {
        status_ = {error, field};
        return false;
    }

    bool read_header(Header& header, Field field = Field::none) noexcept {
        const Error error = wire::read_header(cursor_, header);
        return error == Error::none || fail(error, field);
    }

    bool skip() noexcept {
        const Error error = wire::skip_value<Grammar::any>(cursor_, kInnerDepth);
        return error == Error::none || fail(error);
    }

    [[nodiscard]] std::string_view take_text(const Header& header) noexcept {
        const auto size = static_cast<std::size_t>(header.value);
        const std::string_view text = as_text({cursor_.p, size});
        cursor_.p += size;
        return text;
    }

    bool read_map(std::size_t entries) noexcept {
        const Cursor first_entry = cursor_;
        if (!find_type(entries)) return false;
        cursor_ = first_entry;
        const auto rules = fields_of(out_.type);
        for (std::size_t i = 0; i < entries; ++i) {
            Key key;
            if (!read_key(key)) return false;
            const std::size_t index = key.index_in(rules);
            if (index == rules.size()) {
                if (!skip()) return false;
            } else if (!read_once(rules, index)) {
                return false;
            }
        }
        return check_required(rules);
    }

    bool read_array(std::size_t elements) noexcept {
        if (elements == 0) return fail(Error::missing_type, Field::type);
        if (!read_type()) return false;
        const auto rules = fields_of(out_.type);
        std::size_t fields = 0;
        while (fields < rules.size() && !rules[fields].is_extension) ++fields;
        if (elements != 1 + fields) return fail(Error::wrong_field_count);
        for (std::size_t i = 0; i < fields; ++i) {
            if (!read_once(rules, i)) return false;
        }
        return check_required(rules);
    }

    struct Key {
        bool is_number = false;
        std::uint64_t number = 0;
        std::string_view text;

        /// rules.size() for a key that is not known.
        [[nodiscard]] std::size_t index_in(std::span<const FieldRule> rules) const noexcept {
            if (is_number) {
                const bool is_known = number < rules.size() && !rules[number].is_extension;
                return is_known ? static_cast<std::size_t>(number) : rules.size();
            }
            std::size_t i = 0;
            while (i < rules.size() && to_string(rules[i].field) != text) ++i;
            return i;
        }
    };

    bool read_key(Key& key) noexcept {
        Header header;
        if (!read_header(header)) return false;
        if (header.kind == Kind::uint) {
            key.is_number = true;
            key.number = header.value;
            return true;
        }
        if (header.kind != Kind::str && header.kind != Kind::bin) return fail(Error::invalid_key);
        key.text = take_text(header);  // need not be UTF-8: then it is an unknown key
        return true;
    }

    bool find_type(std::size_t entries) noexcept {
        bool is_found = false;
        for (std::size_t i = 0; i < entries; ++i) {
            Key key;
            if (!read_key(key)) return false;
            if (key.is_number || key.text != "type") {
                if (!skip()) return false;
            } else if (is_found) {
                return fail(Error::duplicate_field, Field::type);
            } else {
                is_found = true;
                if (!read_type()) return false;
            }
        }
        return is_found || fail(Error::missing_type, Field::type);
    }

    bool read_type() noexcept {
        Header header;
        if (!read_header(header, Field::type)) return false;
        std::optional<FrameType> type;
        if (header.kind == Kind::uint) {
            type = frame_type_from(header.value);
        } else if (header.kind == Kind::str || header.kind == Kind::bin) {
            type = frame_type_from(take_text(header));
        } else {
            return fail(Error::wrong_field_type, Field::type);
        }
        if (!type) return fail(Error::unknown_type, Field::type);
        out_.type = *type;
        return true;
    }

    bool read_once(std::span<const FieldRule> rules, std::size_t index) noexcept {
        const FieldRule& rule = rules[index];
        const unsigned bit = 1U << index;
        if ((seen_ & bit) != 0) return fail(Error::duplicate_field, rule.field);
        seen_ |= bit;
        if (cursor_.p != cursor_.end && *cursor_.p == std::byte{wire::kNil}) {
            cursor_.p += 1;
            return rule.is_optional || fail(Error::missing_field, rule.field);
        }
        return read_field(rule.field);
    }

    bool check_required(std::span<const FieldRule> rules) noexcept {
        for (std::size_t i = 0; i < rules.size(); ++i) {
            if (!rules[i].is_optional && (seen_ & 1U << i) == 0) {
                return fail(Error::missing_field, rules[i].field);
            }
        }
        return true;
    }

    bool read_field(Field field) noexcept {
        switch (field) {
            case Field::id:
                return read_number(field, out_.id.emplace());
            case Field::timestamp:
                return read_number(field, out_.timestamp.emplace());
            case Field::code:
                return read_number(field, out_.code);
            case Field::version:
                return read_number(field, out_.version);
            case Field::heartbeat:
                return read_number(field, out_.heartbeat);
            case Field::channel:
                return read_text(field, out_.channel);
            case Field::event:
                return read_text(field, out_.event.emplace());
            case Field::message:
                return read_text(field, out_.message);
            case Field::token:
                return read_text(field, out_.token.emplace());
            case Field::connection_id:
                return read_text(field, out_.connection_id);
            case Field::action:
                return read_action();
            case Field::payload:
                return read_payload();
            case Field::data:
            case Field::recover:
            case Field::position:
            case Field::recovery:
                return read_data(field);
            case Field::none:
            case Field::type:
                break;  // in no rule
        }
        return false;
    }

    template <typename Number>
    bool read_number(Field field, Number& number) noexcept {
        Header header;
        if (!read_header(header, field)) return false;
        if (header.kind == Kind::negative) return fail(Error::out_of_range, field);
        if (header.kind != Kind::uint) return fail(Error::wrong_field_type, field);
        if (header.value > std::numeric_limits<Number>::max()) {
            return fail(Error::out_of_range, field);
        }
        number = static_cast<Number>(header.value);
        return true;
    }

    bool read_text(Field field, std::string_view& text) noexcept {
        Header header;
        if (!read_header(header, field)) return false;
        if (header.kind != Kind::str && header.kind != Kind::bin) {
            return fail(Error::wrong_field_type, field);
        }
        text = take_text(header);
        return is_utf8(text) || fail(Error::invalid_utf8, field);
    }

    bool read_action() noexcept {
        std::uint64_t number = 0;
        if (!read_number(Field::action, number)) return false;
        const auto action = presence_action_from(number);
        if (!action) return fail(Error::out_of_range, Field::action);
        out_.action = *action;
        return true;
    }

    bool read_payload() noexcept {
        Header header;
        if (!read_header(header, Field::payload)) return false;
        if (header.kind == Kind::array) {
            return read_integer_payload(static_cast<std::size_t>(header.value));
        }
        if (header.kind != Kind::bin && header.kind != Kind::str) {
            return fail(Error::wrong_field_type, Field::payload);
        }
        out_.payload = as_bytes(take_text(header));
        return true;
    }

    bool read_integer_payload(std::size_t count) noexcept {
        integers_.first = cursor_.p;
        integers_.count = count;
        for (std::size_t i = 0; i < count; ++i) {
            std::uint8_t byte = 0;
            if (!read_number(Field::payload, byte)) return false;
        }
        integers_.end = cursor_.p;
        return true;
    }

    bool read_data(Field field) noexcept {
        const std::byte* const start = cursor_.p;
        const Error error = wire::skip_value<Grammar::json_like>(cursor_, kInnerDepth);
        if (error != Error::none) return fail(error, field);
        out_.data.emplace(start, cursor_.p);
        return true;
    }

    Cursor cursor_;
    FrameView& out_;
    IntegerPayload& integers_;
    unsigned seen_ = 0;
    BodyStatus status_;
};

}  // namespace

BodyStatus decode_general(ByteView body, FrameView& out, IntegerPayload& integers) noexcept {
    return BodyReader(body, out, integers).read();
}

void IntegerPayload::unpack(std::byte* out) const noexcept {
    Cursor cursor{first, end};
    for (std::size_t i = 0; i < count; ++i) {
        Header header;
        if (wire::read_header(cursor, header) != Error::none) return;  // was checked: cannot happen
        *out++ = static_cast<std::byte>(header.value);
    }
}

}  // namespace pulse::protocol
