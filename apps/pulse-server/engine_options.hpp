// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the configuration means to the libraries that have no part of their own here: each function
// says one library's options, at the start and again when the configuration is read anew.
#pragma once

#include "config/config.hpp"

#include <cstddef>
#include <memory>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/transport/server.hpp>

namespace pulse::server {

/// For what waits for peers: as configured, or a quarter of the memory there is.
[[nodiscard]] std::size_t memory_budget_bytes(const Config& config);

[[nodiscard]] core::HubOptions hub_options(const Config& config);
[[nodiscard]] core::native::NativeOptions native_options(const Config& config);
[[nodiscard]] core::OutletLimits outlet_limits(const Config& config);
[[nodiscard]] transport::ConnectionOptions connection_options(const Config& config);
[[nodiscard]] transport::ClientLimits client_limits(const Config& config);
/// Of `[auth]` alone: the bridge's tokens come on top of it.
[[nodiscard]] std::unique_ptr<core::Authenticator> make_authenticator(const Config& config);

}  // namespace pulse::server
