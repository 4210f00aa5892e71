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

namespace pulse::redis {

/// **Loop-bound** to the io_context, which outlives it.
class Sentinels {
  public:
    /// `location`: of kind sentinel. `on_moved` is called when another Redis has become the master
    /// since find() last said which one it is; that one need not know yet, or may be silent.
    Sentinels(asio::io_context& io, const Location& location,
              std::chrono::milliseconds answer_timeout, core::Rng& rng,
              std::function<void()> on_moved);
    /// Nothing is called any more.
    ~Sentinels();
    Sentinels(const Sentinels&) = delete;
    Sentinels& operator=(const Sentinels&) = delete;

    void start();
    /// Asks anew; answers within the time. For LinkOptions::locate.
    void find(LinkOptions::Located done);

    /// What find() does, and nothing once this object is gone.
    [[nodiscard]] std::function<void(LinkOptions::Located)> finder() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

/// Has links with these options connect to the Redis of `location`, or to the master that its
/// sentinels name. Those are returned, to be started before the links and kept as long; null where
/// there are none. Not for a Redis Cluster. `on_moved` as above: it restarts the links.
[[nodiscard]] std::unique_ptr<Sentinels> set_destination(LinkOptions& link, asio::io_context& io,
                                                         const Location& location, core::Rng& rng,
                                                         std::function<void()> on_moved);

}  // namespace pulse::redis
