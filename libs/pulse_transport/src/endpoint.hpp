// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the connections of one listener have in common.
#pragma once

#include "client_limits.hpp"
#include "http/head_parser.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <pulse/transport/options.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::transport {

/// The settings all listeners of a server share. **Thread-safe.**
struct Shared {
    Shared(const ConnectionOptions& connections, const ClientLimits& limits,
           core::MonotonicTime now)
        : clients(limits, now) {
        set_options(connections);
    }

    ClientGate clients;
    std::atomic<bool> is_draining{false};

    [[nodiscard]] const ConnectionOptions& options() const noexcept {
        return *current_.load(std::memory_order_acquire);
    }
    void set_options(const ConnectionOptions& options);

  private:
    // Read on every event of every connection: superseded ones are kept instead of being counted.
    std::mutex mutex_;
    std::vector<std::unique_ptr<const ConnectionOptions>> all_;
    std::atomic<const ConnectionOptions*> current_{nullptr};
};

/// **Immutable**, but for what Shared guards.
struct Endpoint {
    std::shared_ptr<Shared> shared;
    Mounts mounts;
    bool is_loopback = false;

    /// All mounts but "*".
    [[nodiscard]] core::Dialect* dialect_at(std::string_view path) const noexcept;
    /// The "*" mount.
    [[nodiscard]] core::Dialect* fallback_dialect() const noexcept;
    [[nodiscard]] bool has_route(std::string_view path) const;
    /// See ConnectionOptions::allowed_origins.
    [[nodiscard]] bool is_origin_allowed(const http::RequestHead& head) const noexcept;
};

}  // namespace pulse::transport
