// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the Redis is that has the data: behind sentinels and in a Redis Cluster that changes.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include <pulse/core/rng.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/link.hpp>

namespace pulse::redis {

/// **Loop-bound** to the io_context, which outlives it. Nothing is called when it is gone.
class MasterFinder {
  public:
    /// Another Redis has become the master since a link asked last; that one need not know yet, or
    /// may be silent. All links restart then, for that reason.
    using OnMoved = std::function<void(std::string_view why)>;

    MasterFinder() = default;
    virtual ~MasterFinder() = default;
    MasterFinder(const MasterFinder&) = delete;
    MasterFinder& operator=(const MasterFinder&) = delete;

    virtual void start() = 0;
};

/// Has links with these options connect to the Redis of `location`, to the master that its
/// sentinels name, or to the one that has `key`'s slot in a Redis Cluster: for keys that are all of
/// that slot. Whoever finds it out is returned, to be started before the links and kept as long;
/// null where the address says it. `on_moved` may destroy it.
[[nodiscard]] std::unique_ptr<MasterFinder> set_destination(LinkOptions& link, asio::io_context& io,
                                                            const Location& location,
                                                            std::string_view key, core::Rng& rng,
                                                            MasterFinder::OnMoved on_moved);

}  // namespace pulse::redis
