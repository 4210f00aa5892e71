// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hosts as a configuration names them, judged by their text alone: nothing here resolves a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pulse::server {

/// What is wrong with `host` as an address to bind, in words; empty when nothing is.
[[nodiscard]] std::string find_host_problem(std::string_view host);

/// True for 127.0.0.0/8, ::1 (also as [::1] and ::ffff:127.0.0.1) and localhost. Any other name is
/// taken for public, because only resolving it would tell: check resolved addresses with this too.
[[nodiscard]] bool is_loopback_host(std::string_view host);

/// True if both cannot be bound on the same port: equal, or one is its family's wildcard.
[[nodiscard]] bool hosts_overlap(std::string_view a, std::string_view b);

/// "127.0.0.1:8080", "[::1]:8080".
[[nodiscard]] std::string join_host_port(std::string_view host, std::uint16_t port);

}  // namespace pulse::server
