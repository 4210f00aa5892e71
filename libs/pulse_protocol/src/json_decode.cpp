// SPDX-License-Identifier: MIT OR Apache-2.0
//
// JSON frames from nlohmann's event parser, which neither recurses nor throws when used this way.
// Fields are collected as they come and sorted out at the end, since `type`, which says what they
// mean, may be the last of them.

#include "fields.hpp"
#include "json_data.hpp"
#include "json_text.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <pulse/protocol/base64.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/value.hpp>

namespace pulse::protocol {
namespace {

using wire::Header;

/// Text beyond this is refused unread. Base64 of the largest payload fits.
constexpr std::size_t kMaxTextBytes = 2 * kMaxFrameBytes;

/// What was given for one field.
struct Slot {
    enum class Kind : std::uint8_t { absent, null, uint, negative, text, other };

    Kind kind = Kind::absent;
    bool is_repeated = false;
    std::uint64_t number = 0;
    std::string text;
};

// One slot for each Field, and one for the other spelling of the payload.
constexpr std::size_t kPayloadBase64 = static_cast<std::size_t>(Field::recovery) + 1;
constexpr std::size_t kSlots = kPayloadBase64 + 1;
constexpr std::size_t kNoSlot = 0;  // Field::none

[[nodiscard]] std::size_t slot_of(std::string_view key) noexcept {
    if (key == "payload_base64") return kPayloadBase64;
    for (std::size_t i = 1; i < kPayloadBase64; ++i) {
        if (to_string(static_cast<Field>(i)) == key) return i;
    }
    return kNoSlot;
}

class Collector final : public nlohmann::json_sax<nlohmann::json> {
  public:
    [[nodiscard]] Slot& slot(Field field) noexcept {
        return slots_[static_cast<std::size_t>(field)];
    }
    [[nodiscard]] Slot& payload_base64() noexcept { return slots_[kPayloadBase64]; }
    [[nodiscard]] const std::string& payload_text() const noexcept { return payload_.str(); }
    [[nodiscard]] ByteView value_of(Field field) noexcept { return builder(field).bytes(); }
    [[nodiscard]] Error error() const noexcept { return error_; }

    // The parser's events. Returning false stops it.

    bool null() override {
        if (is_payload()) payload_.literal("null");
        return scalar(Slot::Kind::null, {Header::Kind::nil, 0});
    }
    bool boolean(bool is_true) override {
        if (is_payload()) payload_.literal(is_true ? "true" : "false");
        return scalar(Slot::Kind::other, {Header::Kind::boolean, is_true ? 1U : 0U});
    }
    bool number_integer(number_integer_t number) override {
        if (number >= 0) return number_unsigned(static_cast<number_unsigned_t>(number));  // -0
        if (is_payload()) payload_.literal(std::to_string(number));
        return scalar(Slot::Kind::negative,
                      {Header::Kind::negative, static_cast<std::uint64_t>(number)});
    }
    bool number_unsigned(number_unsigned_t number) override {
        if (is_payload()) payload_.literal(std::to_string(number));
        return scalar(Slot::Kind::uint, {Header::Kind::uint, number});
    }
    bool number_float(number_float_t number, const string_t& as_written) override {
        if (is_payload()) payload_.literal(as_written);
        return scalar(Slot::Kind::other,
                      {Header::Kind::float64, std::bit_cast<std::uint64_t>(number)});
    }
    bool string(string_t& text) override {
        if (depth_ == 0) return fail(Error::not_a_frame);
        if (depth_ == 1) {
            Slot& slot = slots_[current_];
            slot.kind = Slot::Kind::text;
            if (is_data()) {
                builder().text(text);
            } else {
                slot.text = std::move(text);
            }
        } else if (is_payload()) {
            payload_.text(text);
        } else if (is_data()) {
            builder().text(text);
        }
        return true;
    }
    bool binary(binary_t&) override { return fail(Error::invalid_json); }  // not in JSON

    bool start_object(std::size_t) override {
        if (depth_ == 0) {
            depth_ = 1;
            return true;
        }
        if (!enter()) return false;
        if (is_payload()) payload_.begin_object();
        if (is_data()) builder().begin_object();
        return true;
    }
    bool key(string_t& key) override {
        if (depth_ == 1) {
            select(slot_of(key));
        } else if (is_payload()) {
            payload_.key(key);
        } else if (is_data()) {
            builder().key(key);
        }
        return true;
    }
    bool end_object() override {
        --depth_;
        if (depth_ == 0) return true;
        if (is_payload()) payload_.end_object();
        if (is_data()) builder().end();
        return true;
    }
    bool start_array(std::size_t) override {
        if (depth_ == 0) return fail(Error::not_a_frame);
        if (!enter()) return false;
        if (is_payload()) payload_.begin_array();
        if (is_data()) builder().begin_array();
        return true;
    }
    bool end_array() override {
        --depth_;
        if (is_payload()) payload_.end_array();
        if (is_data()) builder().end();
        return true;
    }

    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
        return fail(Error::invalid_json);
    }

  private:
    bool fail(Error error) noexcept {
        error_ = error;
        return false;
    }

    [[nodiscard]] bool is_payload() const noexcept {
        return current_ == static_cast<std::size_t>(Field::payload);
    }
    [[nodiscard]] bool is_data() const noexcept {
        return current_ < kPayloadBase64 && is_value(static_cast<Field>(current_));
    }
    /// A frame may have a field of this kind and, unknown to its type, another one.
    [[nodiscard]] DataBuilder& builder(Field field) noexcept {
        switch (field) {
            case Field::recover:
                return builders_[1];
            case Field::position:
                return builders_[2];
            case Field::recovery:
                return builders_[3];
            default:
                return builders_[0];
        }
    }
    [[nodiscard]] DataBuilder& builder() noexcept { return builder(static_cast<Field>(current_)); }

    void select(std::size_t index) {
        current_ = index;
        Slot& slot = slots_[index];
        slot.is_repeated = slot.kind != Slot::Kind::absent;
        // Whatever was given before: if it matters the repetition is an error, else nothing does.
        if (is_payload()) payload_.clear();
        if (is_data()) builder().clear();
    }

    bool enter() {
        if (depth_ == kMaxDepth) return fail(Error::too_deep);
        if (depth_ == 1) slots_[current_].kind = Slot::Kind::other;
        ++depth_;
        return true;
    }

    bool scalar(Slot::Kind kind, const Header& header) {
        if (depth_ == 0) return fail(Error::not_a_frame);
        if (depth_ == 1) {
            slots_[current_].kind = kind;
            slots_[current_].number = header.value;
        }
        if (is_data()) builder().scalar(header);
        return true;
    }

    std::array<Slot, kSlots> slots_;
    std::size_t current_ = kNoSlot;
    std::size_t depth_ = 0;
    CompactText payload_;
    std::array<DataBuilder, 4> builders_;
    Error error_ = Error::none;
};

/// Makes the frame of what was collected. Each step returns false after an error.
class Assembler {
  public:
    explicit Assembler(Collector& input) noexcept : input_(input) {}

    [[nodiscard]] JsonDecodeResult run() {
        if (take_type()) take_fields();
        return std::move(result_);
    }

  private:
    bool fail(Error error, Field field) noexcept {
        result_.error = error;
        result_.field = field;
        return false;
    }

    bool take_type() {
        const Slot& slot = input_.slot(Field::type);
        if (slot.kind == Slot::Kind::absent) return fail(Error::missing_type, Field::type);
        if (slot.is_repeated) return fail(Error::duplicate_field, Field::type);
        std::optional<FrameType> type;
        if (slot.kind == Slot::Kind::text) {
            type = frame_type_from(slot.text);
        } else if (slot.kind == Slot::Kind::uint) {
            type = frame_type_from(slot.number);
        } else {
            return fail(Error::wrong_field_type, Field::type);
        }
        if (!type) return fail(Error::unknown_type, Field::type);
        result_.frame.type = *type;
        return true;
    }

    bool take_fields() {
        for (const FieldRule& rule : fields_of(result_.frame.type)) {
            if (rule.field == Field::payload) {
                if (!take_payload()) return false;
                continue;
            }
            const Slot& slot = input_.slot(rule.field);
            if (slot.is_repeated) return fail(Error::duplicate_field, rule.field);
            if (slot.kind == Slot::Kind::absent || slot.kind == Slot::Kind::null) {
                if (!rule.is_optional) return fail(Error::missing_field, rule.field);
            } else if (!take_field(rule.field)) {
                return false;
            }
        }
        return true;
    }

    bool take_field(Field field) {
        Frame& frame = result_.frame;
        switch (field) {
            case Field::id:
                return take_number(field, frame.id.emplace());
            case Field::timestamp:
                return take_number(field, frame.timestamp.emplace());
            case Field::code:
                return take_number(field, frame.code);
            case Field::version:
                return take_number(field, frame.version);
            case Field::heartbeat:
                return take_number(field, frame.heartbeat);
            case Field::channel:
                return take_text(field, frame.channel);
            case Field::event:
                return take_text(field, frame.event.emplace());
            case Field::message:
                return take_text(field, frame.message);
            case Field::token:
                return take_text(field, frame.token.emplace());
            case Field::connection_id:
                return take_text(field, frame.connection_id);
            case Field::action:
                return take_action();
            case Field::data:
            case Field::recover:
            case Field::position:
            case Field::recovery:
                return take_data(field);
            case Field::none:
            case Field::type:
            case Field::payload:
                break;  // dealt with elsewhere
        }
        return false;
    }

    template <typename Number>
    bool take_number(Field field, Number& number) {
        const Slot& slot = input_.slot(field);
        if (slot.kind == Slot::Kind::negative) return fail(Error::out_of_range, field);
        if (slot.kind != Slot::Kind::uint) return fail(Error::wrong_field_type, field);
        if (slot.number > std::numeric_limits<Number>::max()) {
            return fail(Error::out_of_range, field);
        }
        number = static_cast<Number>(slot.number);
        return true;
    }

    bool take_text(Field field, std::string& text) {
        Slot& slot = input_.slot(field);
        if (slot.kind != Slot::Kind::text) return fail(Error::wrong_field_type, field);
        text = std::move(slot.text);
        return true;
    }

    bool take_action() {
        std::uint64_t number = 0;
        if (!take_number(Field::action, number)) return false;
        const auto action = presence_action_from(number);
        if (!action) return fail(Error::out_of_range, Field::action);
        result_.frame.action = *action;
        return true;
    }

    bool take_data(Field field) {
        const Error error = canonicalise(input_.value_of(field), result_.frame.data.emplace());
        return error == Error::none || fail(error, field);
    }

    bool take_payload() {
        const Slot& plain = input_.slot(Field::payload);
        const Slot& base64 = input_.payload_base64();
        const bool is_plain = plain.kind != Slot::Kind::absent;
        const bool is_base64 = base64.kind != Slot::Kind::absent;
        if (plain.is_repeated || base64.is_repeated || (is_plain && is_base64)) {
            return fail(Error::duplicate_field, Field::payload);
        }
        std::vector<std::byte>& payload = result_.frame.payload;
        if (is_plain) {
            const bool is_text = plain.kind == Slot::Kind::text;
            const ByteView bytes = as_bytes(is_text ? plain.text : input_.payload_text());
            payload.assign(bytes.begin(), bytes.end());
            return true;
        }
        if (!is_base64) return fail(Error::missing_field, Field::payload);
        if (base64.kind != Slot::Kind::text) return fail(Error::wrong_field_type, Field::payload);
        return decode_base64_loosely(base64.text, payload) ||
               fail(Error::invalid_base64, Field::payload);
    }

    Collector& input_;
    JsonDecodeResult result_;
};

}  // namespace

JsonDecodeResult decode_json(std::string_view text) {
    JsonDecodeResult result;
    if (text.size() > kMaxTextBytes) {
        result.error = Error::frame_too_large;
        return result;
    }
    Collector collector;
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &collector)) {
        result.error = collector.error();
        return result;
    }
    return Assembler(collector).run();
}

}  // namespace pulse::protocol
