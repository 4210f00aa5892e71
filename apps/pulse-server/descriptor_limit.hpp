// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How many files and sockets the process may have open at the same time.
#pragma once

#include "config/config.hpp"

#include <cstdint>

#include <pulse/core/log.hpp>

namespace pulse::server {

struct DescriptorLimit {
    std::uint64_t before = 0;
    std::uint64_t now = 0;
};

/// Raises the soft limit to the hard one, which is what the machine's operator allows. The soft
/// limit, often 1,024, is there for programs that use select(2); nothing in this server does.
[[nodiscard]] DescriptorLimit raise_descriptor_limit() noexcept;

/// What the configuration lets clients take, and a few for the server itself.
[[nodiscard]] std::uint64_t descriptors_needed(const Config& config) noexcept;

/// Tells the operator when the limit is below what the configuration promises.
void check_descriptor_limit(std::uint64_t limit, const Config& config, core::Log& log);

}  // namespace pulse::server
