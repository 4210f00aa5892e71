// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which Redis is the master, as Redis Sentinel has it. All sentinels are asked, every half second;
// of what they say the latest counts, by the epoch that goes up with each failover: one that was
// cut off from the others still names the old master.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/link.hpp>
#include <pulse/redis/master_finder.hpp>

namespace pulse::redis {

/// **Loop-bound** to the io_context, which outlives it.
class Sentinels final : public MasterFinder {
  public:
    /// `location`: of kind sentinel.
    Sentinels(asio::io_context& io, const Location& location,
              std::chrono::milliseconds answer_timeout, core::Rng& rng, OnMoved on_moved);
    /// Nothing is called any more.
    ~Sentinels() override;
    void start() override;
    /// Asks anew; answers within the time. For LinkOptions::locate.
    void find(LinkOptions::Located done);

    /// What find() does, and nothing once this object is gone.
    [[nodiscard]] std::function<void(LinkOptions::Located)> finder() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::redis
