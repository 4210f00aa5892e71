// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace pulse::server {

/// What a service manager (systemd's notify protocol) is told. Without one, or in a build without
/// support for it, nothing happens.
class ServiceManager {
  public:
    void ready(const std::string& status);
    void reloading();
    void stopping();
    /// Call at least twice in watchdog_interval(), from the loop whose health is to be shown.
    void alive();
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const;
};

}  // namespace pulse::server
