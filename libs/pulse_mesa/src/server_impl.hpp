// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a server's parts share.
#pragma once

#include "connected_client.hpp"
#include "echoes.hpp"
#include "envelope.hpp"
#include "lane_part.hpp"
#include "local_ids.hpp"
#include "portal_pool.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <pulse/core/dialect.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/mesa/bus.hpp>
#include <pulse/mesa/server.hpp>

namespace pulse::mesa {

struct Counters {
    std::atomic<std::size_t> clients{0};
    std::atomic<std::size_t> authenticated_clients{0};
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> replayed{0};
    std::atomic<std::uint64_t> heartbeat_closes{0};
    std::atomic<std::uint64_t> authentication_failures{0};
    std::atomic<std::uint64_t> authentications_unavailable{0};
    std::atomic<std::uint64_t> deliveries_lost{0};
    std::atomic<std::uint64_t> errors{0};
};

/// Parts of it live on every lane; the rest is guarded or does not change while it runs.
struct Server::Impl final : public core::Dialect, public std::enable_shared_from_this<Impl> {
    Impl(core::Hub& hub_, ServerConfig config_);
    ~Impl() override;
    void start();

    // core::Dialect
    [[nodiscard]] std::string_view name() const noexcept override { return "mesa"; }
    [[nodiscard]] std::span<const std::string_view> subprotocols() const noexcept override;
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override;
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override;

    // Sending: server_send.cpp.
    void send(const Message& message, const Recipients& recipients, std::span<const Id> excluding);
    void send_to_all(const Message& message, std::span<const Id> excluding);
    void deliver_here(const DeliveryPtr& delivery);
    void deliver_unechoed(const std::vector<DeliveryPtr>& deliveries);
    void watch_echoes();
    void wait_for_echoes(const std::shared_ptr<LanePart>& part);
    void publish(const Message& message, const Recipients& recipients,
                 std::span<const Id> excluding, bool is_served_here);
    void keep_and_publish(const Message& message, std::vector<Id> unknown, std::vector<Id> others);
    void on_kept(const Message& message, const std::vector<Id>& unknown, std::vector<Id> others,
                 const core::Result<std::vector<Bus::OfflineName>>& found);
    void on_bus_message(std::string_view channel, std::string_view text);

    // What the application hears: server_events.cpp.
    void raise(std::error_code code, std::string_view text, const ClientPtr& client);
    void raise(std::error_code code, const ClientPtr& client = nullptr) { raise(code, {}, client); }
    /// Runs application code: what it throws is an error event, about `client` if that is not null.
    void guarded(const ClientPtr& client, const std::function<void()>& code);
    void for_each_hook(const ClientPtr& client, const std::function<void(Middleware&)>& call);
    void tell_portals(PortalEvent event);

    [[nodiscard]] ServerStats stats() const;
    [[nodiscard]] LanePart& part(const core::Lane& lane) const { return *parts[lane.index()]; }

    // The bus: server.cpp, server_send.cpp.
    void on_bus_state(bool is_up);
    void bus_is_ready();
    void list_portals();
    void set_portals(const std::vector<std::string>& ids);
    void on_announcement(std::string_view text);
    void check_portals();

    // The end: server.cpp.
    void shut_down(std::function<void()> done, std::uint16_t code);
    void give_up_clients();
    void on_client_gone();
    void finish_shut_down();
    void end();
    void call_enders();

    core::Hub& hub;
    ServerConfig config;
    std::string hello;
    std::string replica;
    std::vector<std::shared_ptr<LanePart>> parts;
    LocalIds ids;
    Echoes echoes;
    PortalPool portals;
    Counters counters;
    Bus::Subscription subscription;

    std::vector<std::shared_ptr<Middleware>> middleware;
    std::function<void(const ClientPtr&)> connection_listener;
    std::function<void(const ClientPtr&, const Message&)> message_listener;
    std::function<void(const ClientPtr&, std::uint16_t, std::string_view)> disconnection_listener;
    std::function<void(const ErrorEvent&, const ClientPtr&)> error_listener;

    std::atomic<bool> is_closed{false};
    std::atomic<bool> is_finishing{false};
    std::atomic<bool> is_ended{false};
    std::atomic<bool> is_checking_portals{false};
    std::atomic<std::uint64_t> announcements{0};  ///< of portals, heard so far
    std::atomic<bool> is_bus_ready{false};
    std::atomic<bool> is_watching_echoes{false};
    std::mutex mutex;
    std::vector<std::function<void()>> waiting_for_bus;
    std::vector<std::function<void()>> waiting_for_end;
};

/// The hello frame for these options.
[[nodiscard]] std::string make_hello(const ServerConfig& config);

}  // namespace pulse::mesa
