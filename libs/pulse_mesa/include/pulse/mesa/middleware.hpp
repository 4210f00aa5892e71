// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <pulse/mesa/client.hpp>

namespace pulse::mesa {

/// Hooks into a server, called in the order of registration. What a hook throws becomes an error
/// event.
///
/// Hooks about clients run on the client's loop, so on several at once where there are several
/// loops; the others on the bus's. All must be quick.
class Middleware {
  public:
    virtual ~Middleware() = default;

    virtual void on_connection(const ClientPtr& client) { (void)client; }
    virtual void on_disconnection(const ClientPtr& client, std::uint16_t code,
                                  std::string_view reason) {
        (void)client, (void)code, (void)reason;
    }
    /// Not for messages that the server consumes.
    virtual void on_message_received(const Message& message, const ClientPtr& client) {
        (void)message, (void)client;
    }
    /// For each send with recipients here, once per loop that has any; not for direct sends.
    virtual void on_message_sent(const Message& message, std::span<const ClientPtr> clients,
                                 bool is_from_this_replica) {
        (void)message, (void)clients, (void)is_from_this_replica;
    }
    /// At each success, also repeated ones.
    virtual void on_authenticated(const ClientPtr& client) { (void)client; }
    /// Sync found ids that are offline; also when the message is not to be kept.
    virtual void on_undeliverable_message_sent(const Message& message, std::span<const Id> ids) {
        (void)message, (void)ids;
    }
    /// A replay begins, perhaps of nothing.
    virtual void on_redeliver_undeliverable_messages(std::span<const Message> messages,
                                                     const ClientPtr& client) {
        (void)messages, (void)client;
    }
    virtual void on_portal_join(std::string_view id) { (void)id; }
    virtual void on_portal_leave(std::string_view id) { (void)id; }
    /// `client` is null when it is about none.
    virtual void on_error(const ErrorEvent& error, const ClientPtr& client) {
        (void)error, (void)client;
    }
};

}  // namespace pulse::mesa
