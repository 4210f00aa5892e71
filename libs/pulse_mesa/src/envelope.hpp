// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What travels on the channels: the texts of docs/protocol/mesa.md, "Redis".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/json.hpp>
#include <pulse/core/result.hpp>
#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/mesa/recipients.hpp>

namespace pulse::mesa {

void append_json(std::string& out, const Message& message, Form form);
[[nodiscard]] Message read_message(core::json::Value value, Form form);

/// {"message": …, "recipients": […]} on `ws`, from servers and dispatchers to servers.
struct Envelope {
    Message message;
    Recipients recipients;
    std::vector<Id> excluding;  ///< of Recipients::all(); replicas of the original ignore it
    /// The replica that has served its own clients already. Empty: nobody has.
    std::string origin;
    /// Not 0: the origin has not, but waits for this one to come back.
    std::uint64_t number = 0;
};

[[nodiscard]] std::string write_envelope(const Message& message, Form form,
                                         const Recipients& recipients,
                                         std::span<const Id> excluding, std::string_view origin,
                                         std::uint64_t number = 0);
/// Errors: invalid_json, nested_too_deeply, invalid_envelope.
[[nodiscard]] core::Result<Envelope> read_envelope(std::string_view text);

/// On `portal`, from servers to one portal.
struct PortalEvent {
    enum class Type : std::uint8_t { connection, authentication, message, disconnection };
    Type type = Type::connection;
    std::optional<Message> message;
    std::optional<Id> client_id;
    std::string portal_id;
};

[[nodiscard]] std::string write_portal_event(const PortalEvent& event);
[[nodiscard]] core::Result<PortalEvent> read_portal_event(std::string_view text);

/// {"id": …, "ready": true} on `available_portals_pool`.
struct PortalAnnouncement {
    std::string id;
    bool is_ready = false;
};

[[nodiscard]] std::string write_announcement(const PortalAnnouncement& announcement);
[[nodiscard]] core::Result<PortalAnnouncement> read_announcement(std::string_view text);

/// The elements of kept messages, each as it was written. Nothing when that is no array.
[[nodiscard]] std::optional<std::vector<std::string>> read_kept(std::string_view text);
/// Whether a message's JSON can be one of these: another would make all of them unreadable.
/// Errors: invalid_json, nested_too_deeply.
[[nodiscard]] std::error_code check_keepable(std::string_view message);

}  // namespace pulse::mesa
