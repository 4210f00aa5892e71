// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The WebSocket of web clients, `/universe/{id}/connect`: the original's frames byte for byte, and
// beyond them subscriptions, acknowledgements and resuming. Wire behaviour:
// docs/protocol/roblox.md.
//
// Mount it at kConnectPath and kConnectPathPlural, beside the routes of make_bridge_routes().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <pulse/core/dialect.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_host.hpp>
#include <pulse/roblox/web_clients.hpp>

namespace pulse::roblox {

inline constexpr std::string_view kConnectPath = "/universe/{id}/connect";
inline constexpr std::string_view kConnectPathPlural = "/universes/{id}/connect";

/// The universe of `/universe/<id>/…` or `/universes/<id>/…`. Errors: Error::invalid_universe.
[[nodiscard]] core::Result<UniverseId> universe_of_path(std::string_view path) noexcept;

struct BridgeDialectOptions {
    // Behaviour
    /// How often it is asked again whether a token has expired meanwhile. Removed tokens and
    /// universes end connections within a second or two.
    std::chrono::seconds access_check{30};
    /// Whether another node of a cluster has the universe, so that the conversation is carried
    /// there: that node judges tickets, which are good once, and known where they were made. Any
    /// thread.
    std::function<bool(UniverseId universe)> is_elsewhere{};

    // Limits, per connection
    std::size_t max_message_bytes = std::size_t{64} * 1024;  ///< longer ones close with 1009
    std::size_t max_open_publishes = 256;  ///< not answered yet; one more is refused
    core::RateLimit publishes{};           ///< refused above it
};

/// **Thread-safe.** All it is given outlives it.
class BridgeDialect final : public core::Dialect {
  public:
    BridgeDialect(BridgeHost& host, AccessBook& access, WebClients& clients,
                  BridgeDialectOptions options = {});

    [[nodiscard]] std::string_view name() const noexcept override { return "roblox"; }
    [[nodiscard]] std::span<const std::string_view> subprotocols() const noexcept override;
    /// Only a browser's cookie makes the origin matter; what proves itself otherwise may come from
    /// any page.
    [[nodiscard]] bool checks_origin() const noexcept override { return true; }
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override;
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override;

    // For conversations.
    [[nodiscard]] BridgeHost& host() const noexcept { return host_; }
    [[nodiscard]] WebClients& clients() const noexcept { return clients_; }
    [[nodiscard]] const BridgeDialectOptions& options() const noexcept { return options_; }

  private:
    BridgeHost& host_;
    AccessBook& access_;
    WebClients& clients_;
    BridgeDialectOptions options_;
};

}  // namespace pulse::roblox
