// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One room: its state, and what follows from each message.
//
// A message takes effect in memory at once, under the room's lock. What is to be kept is gathered
// in a set of writes; the outputs that tell of it wait in the room's queue until the store has
// committed that set. One set of a room is under way at a time, and takes along everything that
// came meanwhile. Order:
//
//   - what tells of state (polls, counters, config, snapshots) leaves in the order in which it took
//     effect, whoever caused it;
//   - what a connection caused leaves in the order of its messages;
//   - anything else (chat of others) does not wait.
//
// When a commit fails, everything that waits is undone, newest first, and those who asked are told.
// When it fails because the store is full, what there is room for is kept (see Subject).
#pragma once

#include "counter.hpp"
#include "engine.hpp"
#include "lane_part.hpp"
#include "member.hpp"
#include "message.hpp"
#include "poll.hpp"
#include "properties.hpp"
#include "share.hpp"
#include "wing.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pulse::rooms {

/// A user: what all connections with one session id share. Under the room's lock.
struct Session {
    enum class State : std::uint8_t { unknown, loading, known };

    std::string id;
    State state = State::unknown;
    std::uint64_t suffix = 0;
    std::uint64_t arrival = 0;  ///< while it has members: when the first of them came
    Properties properties;
    std::vector<MemberPtr> members;      ///< greeted, in order of arrival
    std::vector<MemberPtr> waiting;      ///< while loading
    std::uint32_t pending = 0;           ///< queue entries that concern it
    std::vector<std::string> ephemeral;  ///< ids of ephemeral polls it has voted in
};

/// Polls of one kind.
struct PollBook {
    std::unordered_map<std::string, std::unique_ptr<Poll>> polls;
    std::uint32_t last_number = 0;
};

/// **Thread-safe**, but for wing().
class Room : public std::enable_shared_from_this<Room> {
  public:
    Room(Engine& engine, std::string name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] Engine& engine() const noexcept { return engine_; }
    /// This lane's connections. Loop-bound to it.
    [[nodiscard]] Wing& wing(std::uint32_t lane);
    [[nodiscard]] Audience& audience() noexcept { return audience_; }

    /// room.cpp: coming, going, and reading what is stored.

    using Waiter = std::function<void(LanePart& at, std::error_code error)>;
    /// Calls `waiter` once the room is in memory, or cannot be read: at once, or on some lane.
    void when_loaded(LanePart& at, Waiter waiter);
    /// Lets a connection in; it will be greeted, or refused. Once loaded.
    void enter(const MemberPtr& member, LanePart& at);
    /// What is stored could not be read.
    void refuse_unloaded(const MemberPtr& member, LanePart& at);
    /// On the member's lane. For a member in any state.
    void leave(const MemberPtr& member, LanePart& at);
    /// Whether nothing would be lost: no connections, nothing under way.
    [[nodiscard]] bool is_settled() const;
    /// Frees some of what it holds, and takes what that was off `left`; false when nothing is left
    /// to free in parts. Nobody uses the room any more.
    [[nodiscard]] bool free_some(std::size_t& left);

    /// room_commands.cpp: what a client says, on its lane. True when there is more to be shown to
    /// it than a turn should: show_more() goes on, before anything else is handled.
    [[nodiscard]] bool handle(const MemberPtr& member, LanePart& at, const Message& message);
    [[nodiscard]] bool show_more(const MemberPtr& member, LanePart& at);
    /// Answers with `error`, behind what was asked before.
    void refuse(const MemberPtr& member, LanePart& at, std::string_view text);

    /// room_views.cpp and room_state.cpp: the server's side. Once loaded.
    void broadcast(LanePart& at, const std::optional<Topic>& to, std::string_view message);
    using Done = std::function<void(std::error_code)>;
    void set_config(LanePart& at, std::string text, Done done);
    /// /details and /users, once all that they tell of is stored. Large ones are composed in
    /// several turns. Errors: message_size, memory_exhausted, store_overloaded, store_unavailable.
    using View = std::function<void(core::Result<std::string>)>;
    void details(LanePart& at, View view);
    void users(LanePart& at, View view);

  private:
    /// Undoes one change. Under the lock.
    using Undo = std::function<void(Room&)>;

    /// Sorts things by the order of an ECMAScript object's keys: indexes first, then by creation.
    using KeyOrder = std::pair<std::uint64_t, std::uint32_t>;
    static KeyOrder order_of(std::string_view id, std::uint32_t number);

    /// A stretch of what a subscription shows.
    struct SnapshotRun {
        Topic topic;
        KeyOrder begin{};
        std::optional<KeyOrder> end;  ///< where the next one begins
        bool is_first = true;         ///< begins with the subscription itself
        bool is_measured = false;     ///< has its end
    };

    /// What a write belongs to. When the store has no room for all of a set, what belongs together
    /// is kept or undone together: no output tells of more than one subject that can be.
    using Subject = std::uint64_t;
    static constexpr Subject kPeople = 1;  ///< sessions, the suffix counter, config, used keys
    static Subject subject_of(const Poll& poll) noexcept {
        return std::uint64_t{2} << 32U | poll.number();
    }
    static Subject subject_of(const Counter& counter) noexcept {
        return std::uint64_t{3} << 32U | counter.number;
    }

    /// Something that waits for a commit, or behind something that does.
    struct Waiting {
        std::vector<Item> items;
        MemberPtr from;       ///< on whose account it waits; may be null
        std::uint64_t gate;   ///< the set of writes it waits for; 0: only for those before it
        Subject subject = 0;  ///< that it acknowledges a change of, or tells of
        Undo undo;            ///< of that; counters need none
        Session* entering = nullptr;          ///< whose connection `from` becomes
        Session* session = nullptr;           ///< must not be forgotten
        std::optional<SnapshotRun> snapshot;  ///< that `items` are
        Done done;
        std::error_code error{};
        std::size_t bytes = 0;   ///< that it holds, about
        bool is_silent = false;  ///< nobody misses it when it fails
    };
    struct Write {
        std::string value;
        std::optional<std::chrono::milliseconds> ttl;
        Subject subject;
    };
    /// What a counter holds when its set is sealed: it is written once, however often it changed.
    struct CounterWrite {
        Counter* counter;
        std::optional<Amount> amount{};
    };
    struct WriteSet {
        std::uint64_t number = 1;
        std::unordered_map<std::string, Write> writes;
        std::vector<CounterWrite> counters;
        std::size_t bytes = 0;
        bool is_big = false;  ///< keeps to itself

        [[nodiscard]] std::size_t size() const noexcept { return writes.size() + counters.size(); }
    };
    /// A set that the store has no room for as a whole: its subjects, a group at a time.
    struct Split {
        std::deque<std::vector<Subject>> rest;
        std::vector<Subject> trying;  ///< sorted
        std::unordered_set<Subject> refused;
        std::error_code error;  ///< why, of the last
        unsigned commits = 0;
    };
    /// Ephemeral votes of one who has left, that are still to end.
    struct Departure {
        std::deque<std::string> ids;
        std::unordered_set<std::string> kept;  ///< but for these
    };
    /// What /details or /users will answer, as far as it is composed.
    struct Look {
        Look(bool is_of_users_, View view_, Total composed)
            : is_of_users(is_of_users_), view(std::move(view_)), share(std::move(composed)) {}

        const bool is_of_users;
        const View view;
        std::string text;
        Share share;               ///< of all that is composed
        std::uint64_t undone = 0;  ///< undone_ when it was begun
        unsigned tries = 0;
        std::uint64_t session = 0;  ///< whose connections were the last
        std::uint64_t member = 0;   ///< the last of them
        std::uint64_t last_session = 0;
        std::uint64_t last_member = 0;
    };
    using LookPtr = std::shared_ptr<Look>;
    /// What is to be called when the lock is released.
    using Calls = std::vector<std::pair<Done, std::error_code>>;

    // room_load.cpp
    void take_over(LanePart& at);
    void set_fence(LanePart& at, std::uint64_t term,
                   const core::Result<std::optional<core::Document>>& found);
    void read_page(LanePart& at, std::string begin);
    void loaded_page(LanePart& at, const core::Result<core::DocumentPage>& page);
    void finish_loading(LanePart& at, std::error_code error);
    void load_document(const core::Document& document);
    [[nodiscard]] std::string stored_meta() const;
    void load_poll(std::string_view key, std::string_view text);
    void load_vote(std::string_view key, const core::Document& document);
    void load_counter(std::string_view key, std::string_view text);
    void session_loaded(LanePart& at, Session& session,
                        const core::Result<std::optional<core::Document>>& result);

    // room.cpp
    void find_session(const MemberPtr& member, LanePart& at);
    void admit(const MemberPtr& member, Session& session, LanePart& at);
    void attach(const MemberPtr& member, Session& session);
    void detach(const MemberPtr& member, LanePart& at);
    void end_ephemeral_votes(Session& session, LanePart& at);
    void end_some_votes(LanePart& at);
    std::size_t end_vote(LanePart& at, std::uint64_t voter, const std::string& id);
    void schedule_departures(LanePart& at);
    void resume_departures(LanePart& at);
    [[nodiscard]] bool keep_vote(std::uint64_t voter, const std::string& id);
    void forget_if_unused(Session& session);
    void refuse_entry(const MemberPtr& member, LanePart& at, std::string text);

    // room_commands.cpp
    void on_login(const MemberPtr& member, LanePart& at, const Message& message);
    void on_subscribe(const MemberPtr& member, LanePart& at, const Message& message);
    void on_unsubscribe(const MemberPtr& member, LanePart& at, const Message& message);
    void on_chat(const MemberPtr& member, LanePart& at, const Message& message);
    void on_broadcast(const MemberPtr& member, LanePart& at, const Message& message);
    void on_relay(const MemberPtr& member, LanePart& at, const Message& message);
    void on_delete_relay(const MemberPtr& member, const Message& message);
    void on_authenticate(const MemberPtr& member, LanePart& at, const Message& message);
    void relay(const MemberPtr& member, LanePart& at, const Message& message);
    void end_relays(const MemberPtr& member, const std::string* type);

    // room_state.cpp
    void on_poll(const MemberPtr& member, LanePart& at, const Message& message);
    void on_counter(const MemberPtr& member, LanePart& at, const Message& message);
    void on_config(const MemberPtr& member, LanePart& at, const Message& message);
    void change_config(const MemberPtr& from, LanePart& at, std::string text, Done done);
    void show(const MemberPtr& member, LanePart& at, SnapshotRun run);
    [[nodiscard]] std::vector<Item> snapshot_items(const MemberPtr& member, LanePart& at,
                                                   SnapshotRun& run);
    void append_snapshot(std::vector<Item>& items, const MemberPtr& member, LanePart& at,
                         SnapshotRun& run);
    /// Whether a publication of that state would go to anybody.
    [[nodiscard]] bool is_heard(std::string_view event) const;
    [[nodiscard]] Poll* find_or_make_poll(PollBook& book, std::string_view event,
                                          const std::string& id, bool& is_new);

    // room_queue.cpp
    /// `subject`: the output tells of what changes before it have made of that, and fails with
    /// them. 0: of nothing that is stored.
    [[nodiscard]] bool must_wait(const MemberPtr& from, bool is_of_state, Subject subject) const;
    /// Sends `item`, now or in its turn: then it is returned, until anything else is queued.
    Waiting* emit(LanePart& at, const MemberPtr& from, Item item, bool is_of_state,
                  Subject subject = 0);
    Waiting& enqueue(LanePart& at, const MemberPtr& from, std::vector<Item> items,
                     std::uint64_t gate);
    void wait_for(LanePart& at, const MemberPtr& from, std::size_t bytes);
    void end_wait(LanePart& at, const Waiting& waiting);
    /// Queues what acknowledges a change that has been written into the open set.
    Waiting& emit_change(LanePart& at, const MemberPtr& from, std::vector<Item> items,
                         Subject subject, Undo undo);
    [[nodiscard]] Item reply_item(LanePart& at, const MemberPtr& to, std::string_view message);
    [[nodiscard]] Item publish_item(LanePart& at, TopicPtr topic, std::string_view message);
    void reply(LanePart& at, const MemberPtr& to, std::string_view message);
    Waiting* reply_profile(LanePart& at, const MemberPtr& to);
    void publish_state(LanePart& at, const MemberPtr& from, TopicPtr topic,
                       std::string_view message);
    void publish_free(LanePart& at, const MemberPtr& from, TopicPtr topic,
                      std::string_view message);
    void reply_error(const MemberPtr& to, LanePart& at, std::string_view text);
    void dispatch(LanePart& at, Item item);
    void write(std::string_view name, Subject subject, std::string value,
               std::optional<std::chrono::milliseconds> ttl = std::nullopt);
    void write(Counter& counter);
    /// Before something of that size is added to the open set.
    void make_place(std::size_t bytes, bool is_big);
    void seal();
    [[nodiscard]] WriteSet take_open();
    [[nodiscard]] bool is_storable(std::size_t value_bytes) const noexcept;
    void schedule_commit(LanePart& at);
    void commit(LanePart& at);
    void submit(LanePart& at);
    void committed(LanePart& at, std::error_code error);
    /// Goes on with a set that is split; false when it is done.
    [[nodiscard]] bool split(LanePart& at, std::error_code error);
    [[nodiscard]] std::vector<Subject> subjects() const;
    void note_stored(const std::unordered_set<Subject>& but);
    void release(LanePart& at, Calls& calls);
    void schedule_release(LanePart& at);
    void release_one(LanePart& at, Waiting& waiting, Calls& calls);
    void tell_failure(LanePart& at, const Waiting& waiting);
    /// `refused`: of the set under way; null: all of it.
    void undo(LanePart& at, std::error_code error, const std::unordered_set<Subject>* refused);
    void restore_counters();
    /// Nobody may add to what waits.
    [[nodiscard]] bool is_overfull() const noexcept;
    void tell_in_turn(LanePart& at, const LookPtr& look);
    [[nodiscard]] Item item(Item::Kind kind, TopicPtr topic, MemberPtr member, Frame frame);

    // room_views.cpp
    void look(LanePart& at, const LookPtr& look);
    void tell(LanePart& at, const LookPtr& look);
    void begin_look(Look& look) const;
    [[nodiscard]] std::string details_text() const;
    /// True when all are in.
    [[nodiscard]] bool append_users(Look& look) const;
    [[nodiscard]] std::string profile(const Member& member, const Session& session) const;
    [[nodiscard]] std::string profile_message(const Member& member, const Session& session) const;
    [[nodiscard]] std::string config_message() const;
    [[nodiscard]] static std::string poll_message(std::string_view event, std::string_view id,
                                                  const Poll& poll);
    [[nodiscard]] static std::string counter_message(std::string_view id, const Counter& counter);
    [[nodiscard]] std::uint64_t now_ms() const noexcept { return engine_.clock.unix_ms(); }

    Engine& engine_;
    const std::string name_;
    const std::string id_;      ///< 64 hexadecimal digits
    const std::string prefix_;  ///< of its keys in the store

    /// Each made and used by its lane alone.
    std::vector<std::unique_ptr<Wing>> wings_;
    Audience audience_;

    mutable std::mutex mutex_;
    enum class State : std::uint8_t { unknown, loading, ready } state_ = State::unknown;
    bool is_commit_scheduled_ = false;
    bool is_committing_ = false;
    bool is_release_scheduled_ = false;
    std::vector<Waiter> waiters_;

    std::vector<std::uint32_t> lane_members_;
    std::uint64_t lanes_ = 0;  ///< bit i: the lane i has connections
    std::unordered_map<std::string, std::unique_ptr<Session>> sessions_;
    std::map<std::uint64_t, Session*> present_;  ///< those with members, by arrival
    std::size_t connections_ = 0;
    std::size_t entering_ = 0;
    std::uint64_t ever_connected_ = 0;
    std::uint64_t suffix_ = 0;
    std::uint64_t arrivals_ = 0;
    std::uint64_t boot_ms_ = 0;
    std::string config_;
    PollBook polls_;
    PollBook ephemeral_;
    std::map<std::uint64_t, Departure> departures_;  ///< by the user's suffix
    bool is_departing_ = false;                      ///< they go on in another turn,
    bool is_departing_held_ = false;                 ///< once less waits
    std::unordered_map<std::string, std::unique_ptr<Counter>> counters_;
    std::uint32_t last_counter_ = 0;
    std::map<std::string, std::uint64_t> used_keys_;  ///< until when
    std::unordered_map<std::string, std::vector<MemberPtr>> relays_;
    /// What is still to be shown, of those who have not seen all of it.
    std::unordered_map<const Member*, SnapshotRun> showing_;

    std::string scratch_;
    std::list<Waiting> queue_;
    std::size_t queued_bytes_ = 0;
    WriteSet open_;
    std::list<WriteSet> sealed_;  ///< full, and waiting for those before them
    /// With is_committing_. On their own: most rooms in memory are idle.
    std::unique_ptr<WriteSet> under_way_;
    std::unique_ptr<Split> split_;
    std::uint64_t durable_ = 0;
    /// The version of the document by which this room is ours in a store that others use, too; 0:
    /// nobody does.
    std::uint64_t fence_ = 0;
    bool is_lost_ = false;      ///< it is not ours any more
    std::uint64_t undone_ = 0;  ///< how often something had to be
    /// Numbers of stored polls to the polls, while loading.
    std::unique_ptr<std::unordered_map<std::uint32_t, Poll*>> loading_polls_;
};

/// {"data":<text>,"type":"error"}
[[nodiscard]] std::string error_message(std::string_view text);

/// A room's id from its name.
[[nodiscard]] std::string room_id(std::string_view name);

// room_load.cpp: documents.
[[nodiscard]] std::string stored_text(std::string_view text);
[[nodiscard]] std::string stored_session(const Session& session);
[[nodiscard]] std::string stored_counter(const std::string& id, const Amount& amount);

// room_load.cpp: how they are named. Behind the room's prefix.
namespace keys {
inline constexpr std::string_view kState = "r/";
inline constexpr std::string_view kMeta = "r/0";
inline constexpr std::string_view kConfig = "r/1";
inline constexpr std::string_view kFence = "f";
[[nodiscard]] std::string counter(std::uint32_t number);
[[nodiscard]] std::string poll(std::uint32_t number);
[[nodiscard]] std::string vote(std::uint32_t poll, std::uint64_t voter);
[[nodiscard]] std::string used_key(std::string_view key);
[[nodiscard]] std::string session(std::string_view id);
}  // namespace keys

}  // namespace pulse::rooms
