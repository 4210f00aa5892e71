// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which Redis has a slot of a Redis Cluster.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/link.hpp>
#include <pulse/redis/master_finder.hpp>

namespace pulse::redis {

class SlotMaster final : public MasterFinder {
  public:
    /// `location`: of kind cluster.
    SlotMaster(asio::io_context& io, const Location& location, std::uint16_t slot,
               std::chrono::milliseconds answer_timeout, core::Rng& rng, OnMoved on_moved);
    ~SlotMaster() override;

    void start() override;
    /// Asks anew; answers within answer_timeout. Does nothing once this object is gone.
    [[nodiscard]] std::function<void(LinkOptions::Located)> finder() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::redis
