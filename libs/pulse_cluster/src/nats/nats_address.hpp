// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace pulse::cluster {

struct NatsAddress {
    std::vector<std::string> servers;  ///< "nats://host:port", tried in any order
    std::string user;
    std::string password;
    std::string token;
    bool is_tls = false;
};

/// The error is a sentence that shows nothing of what was given.
[[nodiscard]] tl::expected<NatsAddress, std::string> parse_nats_address(std::string_view url);

}  // namespace pulse::cluster
