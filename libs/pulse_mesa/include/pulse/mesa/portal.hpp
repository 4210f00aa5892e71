// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Receives what clients do at the servers of a bus, in a program that has none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <pulse/core/rng.hpp>
#include <pulse/mesa/bus.hpp>
#include <pulse/mesa/client.hpp>
#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>

namespace pulse::mesa {

struct PortalListeners {
    std::function<void()> on_connection{};
    std::function<void(const Id& client)> on_authentication{};
    /// Without an id: of a client that is not authenticated.
    std::function<void(const Message& message, const std::optional<Id>& client)> on_message{};
    std::function<void(const std::optional<Id>& client)> on_disconnection{};
    std::function<void(const ErrorEvent&)> on_error{};
};

struct PortalSettings {
    /// Hears what other portals are sent as well, and takes its turns all the same.
    bool reports_all_events = false;
};

/// **Thread-safe.** Listeners are called as the bus calls.
class Portal {
  public:
    Portal(std::shared_ptr<Bus> bus, core::Rng& rng, PortalListeners listeners,
           PortalSettings settings = {});
    /// Leaves the pool, if it is still in it.
    ~Portal();
    Portal(const Portal&) = delete;
    Portal& operator=(const Portal&) = delete;

    /// Enters the pool as soon as the bus works, and again whenever it does so after a failure.
    /// `joined` is called at the first time.
    void start(std::function<void()> joined);
    /// Leaves the pool; nothing is heard any more. Once.
    void close(std::function<void(std::error_code)> done);

    [[nodiscard]] const std::string& id() const noexcept;

    struct State;

  private:
    std::shared_ptr<State> state_;
};

}  // namespace pulse::mesa
