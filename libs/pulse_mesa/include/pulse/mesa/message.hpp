// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One message, as JSON: {"op": 0, "d": {...}, "t": "TYPE"}.
//
// Data stay the text they were written as: numbers keep their digits and objects their order, and
// passing a message on costs no parsing. Use the JSON library of your choice on `data`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/result.hpp>

namespace pulse::mesa {

/// What the protocol itself means by `op`. From clients only `authenticate` (where the application
/// registered a handler) and `heartbeat_answer` are consumed.
enum class Opcode : std::int64_t {
    dispatch = 0,
    heartbeat = 1,
    authenticate = 2,
    internal_event = 5,
    hello = 10,
    heartbeat_answer = 11,
    authenticated = 22,
};

/// Never on the wire; on Redis and in storage as `o`.
struct MessageOptions {
    bool sync = true;  ///< kept for ids that are offline, where the sender keeps messages at all
    friend bool operator==(const MessageOptions&, const MessageOptions&) = default;
};

/// A value type.
struct Message {
    Message() = default;
    explicit Message(std::int64_t op, std::string data_json = "{}",
                     std::optional<std::string> type_ = std::nullopt,
                     std::optional<MessageOptions> options_ = std::nullopt)
        : opcode(op), data(std::move(data_json)), type(std::move(type_)), options(options_) {}

    /// Nothing when there was none: clients may leave out whatever they like.
    std::optional<std::int64_t> opcode;
    /// JSON; empty = there is none.
    std::string data;
    std::optional<std::string> type;
    /// Position in a replay, from 1; only in messages replayed.
    std::optional<std::uint32_t> sequence;
    std::optional<MessageOptions> options;

    /// JSON of an `op` that is no whole number, or a `t` that is no text: clients send what they
    /// like, and it is passed on as it is. Empty otherwise.
    std::string odd_opcode{};
    std::string odd_type{};

    [[nodiscard]] bool is(Opcode wanted) const noexcept {
        return opcode == static_cast<std::int64_t>(wanted);
    }
    [[nodiscard]] bool is_sync_wanted() const noexcept { return !options || options->sync; }

    friend bool operator==(const Message&, const Message&) = default;
};

/// Whom a text is for: clients never see MessageOptions, other servers and stores never see
/// positions.
enum class Form : std::uint8_t { wire, internal };

/// Keys in the order op, d, t, s or o.
[[nodiscard]] std::string to_json(const Message& message, Form form);

/// Reads what a client or a store has written. A value other than an object gives a message without
/// anything in it. Errors: Error::invalid_json (no JSON, or null), Error::nested_too_deeply.
[[nodiscard]] core::Result<Message> parse_message(std::string_view text, Form form);

}  // namespace pulse::mesa
