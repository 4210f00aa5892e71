// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The handlers behind the routes of administration. Each checks in this order: who asks, what the
// path names, what the body says, what is stored.
#pragma once

#include "admin/answers.hpp"
#include "admin/body.hpp"
#include "admin/event_hub.hpp"

#include <memory>
#include <optional>

namespace pulse::roblox::admin {

/// **Thread-safe**: every loop calls it, and completions come from anywhere.
class Service : public std::enable_shared_from_this<Service> {
  public:
    Service(const AdminParts& parts, AdminOptions options)
        : parts_(parts), events_(std::make_shared<EventHub>(parts, options)) {}

    using Request = core::HttpRequest;

    // session_handlers.cpp
    void session(const Request& request, const Responder& responder);
    void log_in(const Request& request, const Responder& responder);
    void log_out(const Request& request, const Responder& responder);
    void overview(const Request& request, const Responder& responder);
    void events(const Request& request, const Responder& responder);

    // registry_handlers.cpp
    void add(const Request& request, const Responder& responder);
    void update(const Request& request, const Responder& responder);
    void remove(const Request& request, const Responder& responder);
    void list(const Request& request, const Responder& responder);
    void universes(const Request& request, const Responder& responder);

    // universe_handlers.cpp
    void universe(const Request& request, const Responder& responder);
    void change(const Request& request, const Responder& responder);
    void probe(const Request& request, const Responder& responder);
    void activate_key(const Request& request, const Responder& responder);
    void remove_key(const Request& request, const Responder& responder);
    void servers(const Request& request, const Responder& responder);
    void stats(const Request& request, const Responder& responder);
    void tokens(const Request& request, const Responder& responder);
    void create_token(const Request& request, const Responder& responder);
    void remove_token(const Request& request, const Responder& responder);

  private:
    struct Asked {
        UniverseId universe;
        Caller caller;
    };
    /// Admin of everything; answered when not.
    [[nodiscard]] bool admit(const Request& request, const Responder& responder) const;
    /// Admin of the universe in the path, which exists; answered when not.
    [[nodiscard]] std::optional<Asked> open(const Request& request,
                                            const Responder& responder) const;
    /// A completion that answers `{"success":true}`, or why not.
    [[nodiscard]] static UniverseRegistry::Done succeed(Responder responder);
    void respond_universe(UniverseId universe, Figures figures, const Responder& responder) const;

    const AdminParts parts_;
    const std::shared_ptr<EventHub> events_;
};

/// What add, update and PATCH have in common.
[[nodiscard]] SettingsPatch read_settings(AdminBody& body);

}  // namespace pulse::roblox::admin
