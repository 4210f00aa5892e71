// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What servers, dispatchers and portals share: channels, the list of who is online, kept messages
// and the pool of portals.
//
// One engine is Redis (pulse/mesa/redis.hpp), with the names and texts of the original; one lives
// in the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/result.hpp>

namespace pulse::mesa {

/// Channels, as the original names them; an engine appends its namespace.
inline constexpr std::string_view kMessagesChannel = "ws";
inline constexpr std::string_view kPortalChannel = "portal";
inline constexpr std::string_view kPoolChannel = "available_portals_pool";
/// Ours: names of ids that are connected to more than one replica.
inline constexpr std::string_view kSharedChannel = "mesa_shared";

/// Kept for one id unless said otherwise. Each message that is added costs Redis the length of what
/// is there.
inline constexpr std::size_t kMaxKeptBytes = std::size_t{1024} * 1024;

/// **Thread-safe.** Functions passed in run on the engine's own loop, or, where it has none, before
/// the call returns.
///
/// While an engine cannot reach what it works on, commands wait for it, up to a bound; beyond it
/// they fail with Error::queue_full.
class Bus {
  public:
    virtual ~Bus() = default;

    [[nodiscard]] virtual const std::string& name_space() const noexcept = 0;
    /// Whether what is published now reaches the subscribers.
    [[nodiscard]] virtual bool is_up() const noexcept = 0;
    /// Whether servers are on it, or may be, that do not say who is connected to them, as those of
    /// the original: any id may be connected there, too.
    [[nodiscard]] virtual bool has_strangers() const noexcept = 0;

    /// Ends when the token is destroyed; a call that is running then may still end after it.
    using Subscription = std::shared_ptr<void>;
    struct Subscriber {
        /// `channel` without the namespace.
        std::function<void(std::string_view channel, std::string_view text)> on_message;
        /// Whether the subscription works: first when it begins to, then at every change.
        std::function<void(bool is_up)> on_state;
    };
    [[nodiscard]] virtual Subscription subscribe(std::vector<std::string> channels,
                                                 Subscriber subscriber) = 0;

    using Done = std::function<void(std::error_code)>;
    virtual void publish(std::string_view channel, std::string text, Done done) = 0;

    // Who is online. A replica is a server of this process; when it dies without a word the others
    // take back what it had.

    /// From now on `replica` counts as alive. Before any other call about it.
    virtual void open_replica(const std::string& replica) = 0;
    virtual void count_connections(const std::string& replica, std::int64_t change) = 0;
    /// One more connection of the id of that name. `done` learns whether other replicas have some,
    /// too; they are told through kSharedChannel.
    using Added = std::function<void(core::Result<bool> is_elsewhere)>;
    virtual void add_client(const std::string& replica, const std::string& name, Added done) = 0;
    /// One less; with the last one anywhere the name leaves the set.
    virtual void remove_client(const std::string& replica, const std::string& name) = 0;
    /// Takes back all of it.
    virtual void close_replica(const std::string& replica, Done done) = 0;

    // Messages for those who are not.

    struct OfflineName {
        std::size_t index;     ///< in `names`
        bool is_full = false;  ///< not kept: the limit of what is kept for one id
    };
    using Routed = std::function<void(core::Result<std::vector<OfflineName>>)>;
    /// Finds out which names are offline and keeps `message` (JSON) for each of these, in one step.
    /// An empty message is not kept.
    virtual void keep_for_offline(std::vector<std::string> names, std::string message,
                                  Routed done) = 0;
    /// What is kept for a name: a JSON array, or nothing; also nothing while another connection is
    /// being sent it. What was there stays until drop_sent().
    using Taken = std::function<void(core::Result<std::optional<std::string>>)>;
    virtual void begin_replay(const std::string& replica, const std::string& name, Taken done) = 0;
    /// The first kept messages of the name have been sent; `elements` are their JSON, as it was
    /// kept, in order.
    virtual void drop_sent(const std::string& name, std::vector<std::string> elements) = 0;
    virtual void end_replay(const std::string& replica, const std::string& name) = 0;
    virtual void discard_kept(const std::string& name) = 0;

    // Portals.

    /// Announces a portal that has subscribed to kPortalChannel, and to portal_channel(id) as a
    /// sign of life.
    virtual void join_pool(const std::string& id, Done done) = 0;
    virtual void leave_pool(const std::string& id, Done done) = 0;
    virtual void list_pool(std::function<void(core::Result<std::vector<std::string>>)> done) = 0;
    /// Announces the leave of portals that showed signs of life and show none any more.
    virtual void check_pool() = 0;
};

/// Where a portal listens to show that it is alive.
[[nodiscard]] std::string portal_channel(std::string_view id);

struct MemoryBusOptions {
    std::string name_space{};
    std::size_t max_kept_bytes = kMaxKeptBytes;  ///< for one id
};

/// Joins servers, dispatchers and portals of one process.
[[nodiscard]] std::shared_ptr<Bus> make_memory_bus(MemoryBusOptions options = {});

}  // namespace pulse::mesa
