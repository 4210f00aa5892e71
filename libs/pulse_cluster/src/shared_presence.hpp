// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Members of all nodes. Each node owns its own and tells the others of them; what it knows of
// theirs is a replica, of channels that it listens to.
//
// A node that begins to listen asks those who listen already, and knows by the number of nodes that
// got the question when all have answered. A node that has been silent for too long is dead: its
// members are gone. One that was taken for dead and is not is asked to tell everything again.
#pragma once

#include "envelope.hpp"
#include "presence_wire.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/presence.hpp>

namespace pulse::cluster {

/// What it needs of the broker around it.
struct PresencePort {
    /// From any thread: flush() is to be called on the loop.
    std::function<void()> wake;
    // On the loop.
    std::function<void(const std::string& channel, const std::string& bytes,
                       std::function<void(std::size_t)> done)>
        say;
    std::function<void(const NodeId& node, const std::string& bytes)> tell;
    /// Behind what was said to the channel.
    std::function<void(const std::string& channel, const NodeId& node, const std::string& bytes)>
        tell_about;
    std::function<void(const std::string& bytes)> announce;
    std::function<void(const core::PresenceEvent& event)> emit;
    /// What has been said already is more than the server takes at the moment.
    std::function<bool()> is_congested;
};

struct PresenceTimes {
    std::chrono::milliseconds beat{2'000};
    /// Silent for so long is dead.
    std::chrono::milliseconds dead{6'000};
    /// The longest that a subscribe waits for answers of nodes that have got the question.
    std::chrono::milliseconds answer{1'000};
};

class SharedPresence final : public core::PresenceStore {
  public:
    /// `budget` (may be null) outlives it; replicas count against it.
    SharedPresence(const core::Clock& clock, const NodeId& node, PresenceTimes times,
                   PresencePort port, core::MemoryBudget* budget = nullptr);
    ~SharedPresence() override;

    // From any thread.

    core::Result<Joined> join(std::string_view channel, const core::SessionId& session,
                              std::optional<core::PresenceData> data) override;
    core::Result<core::PresenceState> update(std::string_view channel,
                                             const core::SessionId& session,
                                             std::optional<core::PresenceData> data) override;
    bool touch(std::string_view channel, const core::SessionId& session) override;
    std::optional<core::PresenceState> leave(std::string_view channel,
                                             const core::SessionId& session) override;
    [[nodiscard]] std::optional<core::PresenceState> get(
        std::string_view channel, const core::SessionId& session) const override;
    [[nodiscard]] std::vector<core::PresenceState> members(std::string_view channel) const override;
    [[nodiscard]] std::size_t count(std::string_view channel) const override;
    std::vector<Pruned> prune_stale(std::chrono::milliseconds idle) override;
    void forget(std::string_view channel) override;

    // On the loop.

    using Time = std::chrono::steady_clock::time_point;
    /// Sends what has changed; or forgets about it, since all will be told when the broker is back.
    void flush(bool can_send);
    /// Asks the other nodes; `done` is called when they have answered, or will not.
    void ask(const std::string& channel, Time now, std::function<void()> done);
    /// Nobody here listens any more.
    void drop(const std::string& channel);
    void on_message(std::string_view channel, std::string_view bytes, Time now);
    void on_told(std::string_view bytes, Time now);
    void on_announced(const NodeMessage& message, Time now);
    /// The broker is back: everything is told and asked again.
    void on_back(const std::vector<std::string>& channels, Time now);
    /// The same for one channel: something may have been said while it was not heard. Whoever hears
    /// it later than this node asks this one, so it tells, too.
    void on_missed(const std::string& channel, Time now);
    /// Every now and then. `can_hear`: nodes that are not heard may be dead.
    void tick(Time now, bool can_send, bool can_hear);
    /// This node ends.
    void say_bye();
    /// Members of other nodes for whom there was no room. From any thread.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

  private:
    using NodeMembers = std::map<core::SessionId, core::PresenceState>;
    using Members = std::map<NodeId, NodeMembers>;  ///< no node without members
    struct Question {
        std::string channel;
        std::size_t answers = 0;
        std::size_t expected = SIZE_MAX;
        Time due;
        std::function<void()> done;
    };
    struct Event {
        std::string channel;
        core::PresenceAction action;
        core::PresenceState state;
    };

    void note(std::string_view channel, core::PresenceAction action,
              const core::PresenceState& state);
    /// Under the lock. Whether the loop is to be woken.
    [[nodiscard]] bool add_change(std::string_view channel, core::PresenceAction action,
                                  const core::PresenceState& state);
    [[nodiscard]] std::string all_of(const std::string& channel, std::string head) const;
    void tell_all();
    void hear_from(const NodeId& node, Time now);
    void take_changes(const NodeMessage& message, const std::string& channel);
    void take_all(const NodeMessage& message, const std::string& channel);
    // Under the lock.
    void apply(NodeMembers& members, const MemberChange& change, const std::string& channel,
               std::vector<Event>& events);
    NodeMembers::iterator erase(NodeMembers& members, NodeMembers::iterator place);
    void drop_replicas(std::map<std::string, Members, std::less<>>::iterator place);
    [[nodiscard]] bool resize(std::size_t before, std::size_t after) noexcept;
    /// Of a node in a channel, under the lock; `change` gets its members.
    template <typename Change>
    void change_members(const std::string& channel, const NodeId& node, Change&& change);
    void remove_node(const NodeId& node);
    void emit(const std::vector<Event>& events);
    void answer_question(std::uint64_t token);
    void end_question(std::uint64_t token);

    const NodeId node_;
    const PresenceTimes times_;
    const PresencePort port_;
    core::MemoryBudget* const budget_;
    const std::unique_ptr<core::PresenceStore> own_;
    std::atomic<std::uint64_t> refused_{0};

    mutable std::mutex mutex_;
    std::map<std::string, Members, std::less<>> remote_;
    std::map<std::string, std::size_t, std::less<>> own_channels_;  ///< members of this node
    std::vector<std::pair<std::string, std::string>> changes_;  ///< channel and record, to be told
    std::set<std::string, std::less<>> overflowed_;             ///< channels to be told whole
    std::size_t changes_bytes_ = 0;
    bool is_wake_due_ = false;

    // On the loop.
    std::map<NodeId, Time> nodes_;
    std::map<std::uint64_t, Question> questions_;
    std::uint64_t last_token_ = 0;
    Time last_beat_{};
    Time last_tick_{};
    Time told_all_{};
    bool is_late_ = false;  ///< changes wait for the server to take what was said before
};

}  // namespace pulse::cluster
