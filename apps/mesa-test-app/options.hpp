// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The original's options, as JSON, in the library's words.
#pragma once

#include "lines.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pulse/mesa.hpp>

namespace pulse::mesa_test {

struct AppOptions {
    bool has_authentication = true;
    bool has_middleware = false;
};

struct ServerOptions {
    mesa::ServerConfig config;
    std::uint16_t port = 4000;
    bool exits_gracefully = true;
};

/// All of these throw std::runtime_error, with what is wrong, for main().
[[nodiscard]] AppOptions read_app_options(const Json& app);
[[nodiscard]] ServerOptions read_server_options(const Json& options);
/// `redis` of the options, or else of the application's.
[[nodiscard]] std::optional<mesa::RedisOptions> read_redis(const Json& options, const Json& app);
/// options.sync.enabled and the like; false without it.
[[nodiscard]] bool read_switch(const Json& options, std::string_view name);

// Parts of commands.
[[nodiscard]] mesa::Message read_message(const Json& message);
[[nodiscard]] mesa::Recipients read_recipients(const Json& command);
[[nodiscard]] std::vector<mesa::Id> read_ids(const Json& command, std::string_view key);

/// op, d and t, each only if it is there.
void put_message(Json& out, const mesa::Message& message);

}  // namespace pulse::mesa_test
