// SPDX-License-Identifier: MIT OR Apache-2.0

#include <array>

#include <pulse/protocol/error.hpp>

namespace pulse::protocol {
namespace {

struct CodeRow {
    ErrorCode code;
    std::string_view name;
    std::string_view text;
};

constexpr std::array<CodeRow, 13> kCodes{{
    {ErrorCode::unknown_error, "UnknownError", "Unknown error"},
    {ErrorCode::invalid_frame, "InvalidFrame", "Invalid frame"},
    {ErrorCode::invalid_channel, "InvalidChannel", "Invalid channel"},
    {ErrorCode::unauthorized, "Unauthorized", "Unauthorized"},
    {ErrorCode::forbidden, "Forbidden", "Forbidden"},
    {ErrorCode::channel_not_found, "ChannelNotFound", "Channel not found"},
    {ErrorCode::rate_limited, "RateLimited", "Rate limited"},
    {ErrorCode::payload_too_large, "PayloadTooLarge", "Payload too large"},
    {ErrorCode::not_subscribed, "NotSubscribed", "Not subscribed"},
    {ErrorCode::already_subscribed, "AlreadySubscribed", "Already subscribed"},
    {ErrorCode::connection_closed, "ConnectionClosed", "Connection closed"},
    {ErrorCode::server_error, "ServerError", "Server error"},
    {ErrorCode::protocol_mismatch, "ProtocolMismatch", "Protocol version mismatch"},
}};

constexpr std::uint16_t kFirstCode = 1000;

[[nodiscard]] const CodeRow* row(ErrorCode code) noexcept {
    const std::size_t index = static_cast<std::size_t>(code) - kFirstCode;  // wraps below the first
    return index < kCodes.size() ? &kCodes[index] : nullptr;
}

class Category final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "pulse.protocol"; }
    [[nodiscard]] std::string message(int value) const override {
        return std::string(to_string(static_cast<Error>(value)));
    }
};

}  // namespace

std::string_view to_string(ErrorCode code) noexcept {
    const CodeRow* const found = row(code);
    return found != nullptr ? found->name : "Unknown";
}

std::string_view default_text(ErrorCode code) noexcept {
    const CodeRow* const found = row(code);
    return found != nullptr ? found->text : "Unknown error";
}

std::optional<ErrorCode> error_code_from(std::uint64_t number) noexcept {
    if (number < kFirstCode || number - kFirstCode >= kCodes.size()) return std::nullopt;
    return static_cast<ErrorCode>(number);
}

namespace text {

std::string_view invalid_channel(ChannelNameError error) noexcept {
    switch (error) {
        case ChannelNameError::none:
            return "Invalid channel name";
        case ChannelNameError::empty:
            return "Invalid channel name: Channel name cannot be empty";
        case ChannelNameError::too_long:
            return "Invalid channel name: Channel name too long";
        case ChannelNameError::reserved:
            return "Invalid channel name: Channel names starting with '$' are reserved";
        case ChannelNameError::invalid_characters:
            return "Invalid channel name: Channel name contains invalid characters";
    }
    return "Invalid channel name";
}

std::string_view maximum_subscriptions_reached() noexcept {
    return "Maximum subscriptions reached";
}

std::string already_subscribed(std::string_view channel) {
    return std::string("Already subscribed to channel: ").append(channel);
}

std::string not_subscribed(std::string_view channel) {
    return std::string("Not subscribed to channel: ").append(channel);
}

}  // namespace text

std::string_view to_string(Error error) noexcept {
    switch (error) {
        case Error::none:
            return "no error";
        case Error::incomplete:
            return "frame is incomplete";
        case Error::frame_too_large:
            return "frame is too large";
        case Error::truncated:
            return "value goes on beyond the end of the frame";
        case Error::invalid_marker:
            return "byte starts no MessagePack value";
        case Error::not_a_frame:
            return "frame is neither a map nor an array";
        case Error::invalid_key:
            return "map key is neither text nor a non-negative integer";
        case Error::missing_type:
            return "frame has no type";
        case Error::unknown_type:
            return "frame type is unknown";
        case Error::duplicate_field:
            return "field is given twice";
        case Error::missing_field:
            return "required field is missing";
        case Error::wrong_field_type:
            return "field has the wrong type";
        case Error::out_of_range:
            return "number is out of the field's range";
        case Error::invalid_utf8:
            return "text is not UTF-8";
        case Error::wrong_field_count:
            return "array form has the wrong number of fields";
        case Error::invalid_data:
            return "data is not of JSON's kinds";
        case Error::too_deep:
            return "containers are nested too deeply";
        case Error::trailing_bytes:
            return "bytes follow the value";
        case Error::invalid_json:
            return "text is not JSON";
        case Error::invalid_base64:
            return "payload_base64 is not base64";
    }
    return "unknown error";
}

const std::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

}  // namespace pulse::protocol
