// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sends to the clients of every server on a bus, from a program that has none.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/mesa/bus.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/mesa/recipients.hpp>

namespace pulse::mesa {

/// Something servers do rather than send. A value type.
class DispatchEvent {
  public:
    /// Closes the recipients' connections with 1000.
    [[nodiscard]] static DispatchEvent disconnect_client() {
        return DispatchEvent("DISCONNECT_CLIENT");
    }
    /// Servers do nothing about names they do not know.
    explicit DispatchEvent(std::string name) : name_(std::move(name)) {}
    [[nodiscard]] Message message() const {
        return Message(static_cast<std::int64_t>(Opcode::internal_event), "{}", name_);
    }

  private:
    std::string name_;
};

struct DispatcherOptions {
    bool is_sync_enabled = false;  ///< keeps messages for ids that are offline
};

/// **Thread-safe.**
class Dispatcher {
  public:
    explicit Dispatcher(std::shared_ptr<Bus> bus, DispatcherOptions options = {});

    using Done = std::function<void(std::error_code)>;
    /// `done`, if any, is called as the bus calls it when the message is published.
    void dispatch(Message message, const Recipients& recipients = Recipients::all(),
                  std::span<const Id> excluding = {}, Done done = {});
    void dispatch(const DispatchEvent& event, const Recipients& recipients = Recipients::all(),
                  std::span<const Id> excluding = {}, Done done = {}) {
        dispatch(event.message(), recipients, excluding, std::move(done));
    }

  private:
    std::shared_ptr<Bus> bus_;
    DispatcherOptions options_;
};

}  // namespace pulse::mesa
