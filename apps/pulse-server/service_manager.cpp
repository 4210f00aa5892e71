// SPDX-License-Identifier: MIT OR Apache-2.0
#include "service_manager.hpp"

#ifdef PULSE_WITH_SYSTEMD
#include <systemd/sd-daemon.h>
#include <time.h>
#endif

namespace pulse::server {

#ifdef PULSE_WITH_SYSTEMD

void ServiceManager::ready(const std::string& status) {
    ::sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str());
}
void ServiceManager::reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000);
}
void ServiceManager::stopping() { ::sd_notify(0, "STOPPING=1\nSTATUS=Draining"); }
void ServiceManager::alive() { ::sd_notify(0, "WATCHDOG=1"); }
std::optional<std::chrono::microseconds> ServiceManager::watchdog_interval() const {
    std::uint64_t microseconds = 0;
    if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
    return std::chrono::microseconds(microseconds);
}

#else

void ServiceManager::ready(const std::string&) {}
void ServiceManager::reloading() {}
void ServiceManager::stopping() {}
void ServiceManager::alive() {}
std::optional<std::chrono::microseconds> ServiceManager::watchdog_interval() const {
    return std::nullopt;
}

#endif

}  // namespace pulse::server
