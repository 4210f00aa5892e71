// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Word of what was changed in the registry, from node to node over their broker.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include <pulse/core/broker.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/universe_registry.hpp>

namespace pulse::roblox {

/// On a channel that no client can subscribe to. What is said names documents and holds nothing of
/// them; whoever says something that is not so makes others read in vain. **Thread-safe.** The
/// broker outlives it.
class RegistryFeed final : private core::BrokerListener {
  public:
    RegistryFeed(core::Broker& broker, core::Rng& rng);
    ~RegistryFeed() override;
    RegistryFeed(const RegistryFeed&) = delete;
    RegistryFeed& operator=(const RegistryFeed&) = delete;

    /// Once, before the registry is loaded; it outlives listening.
    void listen(UniverseRegistry& registry);
    /// Nothing is heard any more.
    void stop();
    /// For RegistryParts::tell. What the broker does not take is said again with tick().
    void tell(const std::string& name);
    void tick();

  private:
    struct Unsaid;

    void publish(const std::string& name);
    void on_publication(const core::PublicationView& publication) noexcept override;
    void on_gap(std::string_view channel, const core::StreamPosition& position) noexcept override;
    [[nodiscard]] bool has_interest(std::string_view channel) const noexcept override;

    core::Broker& broker_;
    const std::string node_;
    const std::shared_ptr<Unsaid> unsaid_;
    UniverseRegistry* registry_ = nullptr;
    core::Broker::Attachment attachment_;
};

}  // namespace pulse::roblox
