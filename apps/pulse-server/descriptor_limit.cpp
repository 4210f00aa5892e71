// SPDX-License-Identifier: MIT OR Apache-2.0
#include "descriptor_limit.hpp"

#include <sys/resource.h>

namespace pulse::server {

namespace {

/// Sockets that are no WebSocket (yet), which the transport lets wait beside them.
constexpr std::uint64_t kPlainSockets = 1024;
/// Standard streams, event loops, the store, requests to Open Cloud.
constexpr std::uint64_t kOwn = 128;

}  // namespace

DescriptorLimit raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
    DescriptorLimit result{.before = limit.rlim_cur, .now = limit.rlim_cur};
    if (limit.rlim_cur >= limit.rlim_max) return result;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) result.now = limit.rlim_cur;
    return result;
}

std::uint64_t descriptors_needed(const Config& config) noexcept {
    return config.limits.max_connections + kPlainSockets + config.listeners.size() + kOwn;
}

void check_descriptor_limit(std::uint64_t limit, const Config& config, core::Log& log) {
    const std::uint64_t needed = descriptors_needed(config);
    if (limit >= needed) return;
    log.write(core::LogLevel::warn, "descriptor_limit_low",
              {{"limit", limit},
               {"needed", needed},
               {"max_connections", std::uint64_t{config.limits.max_connections}}});
}

}  // namespace pulse::server
