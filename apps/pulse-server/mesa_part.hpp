// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mesa as a part of this server: what its clients do goes to portals, what they get comes from
// dispatchers and other servers.
#pragma once

#include "config/config.hpp"

#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include <pulse/core/clock.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/transport/loop.hpp>

namespace pulse::server {

/// `[mesa] enabled`, or else whether it authenticates or clients without credentials are served.
[[nodiscard]] bool is_mesa_enabled(const Config& config);

/// All outlive the part.
struct MesaPartSources {
    const Config& config;
    core::Hub& hub;
    core::SystemClock& clock;
    core::Rng& rng;
    core::Log& log;
    transport::Loop& loop;  ///< Redis and webhooks live on it
};

/// Made before the loops run and destroyed after they ended.
class MesaPart {
  public:
    /// Errors are sentences for an operator.
    [[nodiscard]] static tl::expected<std::unique_ptr<MesaPart>, std::string> make(
        const MesaPartSources& sources);
    ~MesaPart();
    MesaPart(const MesaPart&) = delete;
    MesaPart& operator=(const MesaPart&) = delete;

    [[nodiscard]] core::Dialect& dialect() noexcept;
    /// Why it cannot serve; empty when it can.
    [[nodiscard]] std::string obstacle() const;
    [[nodiscard]] core::Metrics::Token add_metrics(core::Metrics& metrics);
    /// Closes its clients and takes back what Redis knows of them; `done` on some loop.
    void shut_down(std::function<void()> done);

  private:
    struct State;
    explicit MesaPart(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace pulse::server
