// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bridge between web clients and live Roblox game servers, as an engine to be embedded: queues,
// frames, quotas, retries, deduplication, polls and repair, with no socket, no thread and no HTTP.
//
//   web clients  ─ publish(), send() ─►  Bridge  ─ PublishTransport ─►  Open Cloud ─► game servers
//   web clients  ◄─ WebFanout ─────────  Bridge  ◄─ uplink(), send() ── game servers
//                                        Bridge  ── poll(), uplink()'s answer ─► game servers
//
// **Loop-bound**: one loop owns a bridge with all its universes and calls every method; others post
// to it. It does nothing by itself: call tick() when next_due() has come. Completions are called
// exactly once each, never from within another's, and never while the bridge is in the middle of
// something: they may call any method, but not destroy it. What was not over when the bridge is
// destroyed ends then, with Outcome::shutting_down.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/bridge_options.hpp>
#include <pulse/roblox/bridge_stats.hpp>
#include <pulse/roblox/envelope.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/message.hpp>
#include <pulse/roblox/open_cloud.hpp>
#include <pulse/roblox/publish_budget.hpp>
#include <pulse/roblox/secret.hpp>
#include <pulse/roblox/sequence.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace pulse::roblox {

// ------------------------------------------------------------------ what the embedder brings

/// One publish to be made. Borrowed for the call: build_publish() turns it into a request.
struct CloudPublish {
    UniverseId universe;
    std::string_view real_topic;
    std::string_view text;
    std::string_view api_key;
};

struct IntrospectAnswer {
    CloudError error{};            ///< http 200 when `key` is there
    std::optional<KeyInfo> key{};  ///< what read_introspection() made of it
};

/// Open Cloud. **Loop-bound.** Each `done` is to be called once, on the bridge's loop, at any time:
/// also from within the call, also when the bridge is gone. Without an answer in 10 s: `{.http =
/// 0}`.
class PublishTransport {
  public:
    using PublishDone = std::function<void(const CloudError&)>;
    using IntrospectDone = std::function<void(IntrospectAnswer)>;

    virtual ~PublishTransport() = default;
    virtual void publish(const CloudPublish& publish, PublishDone done) = 0;
    virtual void introspect(std::string_view api_key, IntrospectDone done) = 0;
};

/// A message for the web clients of a universe. Borrowed for the call.
struct WebMessage {
    UniverseId universe;
    std::string_view topic;
    std::string_view message;      ///< JSON in normal form; empty = the sender gave none
    std::string_view sender;       ///< JobId; empty = not a game server
    std::string_view epoch;        ///< with `seq` its place, for read_web()
    std::uint64_t seq = 0;         ///< +1 per message of the universe
    std::uint64_t sent_at_ms = 0;  ///< when it arrived here
};

/// Whoever hands messages to web clients. **Loop-bound.** Called in the middle of things: must not
/// call the bridge.
class WebFanout {
  public:
    virtual ~WebFanout() = default;
    virtual void deliver(const WebMessage& message) = 0;
};

/// What is known of a universe's key, as found by introspection or by a refusal.
struct KeyReport {
    std::uint64_t key_version = 0;  ///< which key was asked about
    KeyState state = KeyState::unknown;
    std::uint64_t owner = 0;          ///< 0 = not said
    std::uint64_t expires_at_ms = 0;  ///< 0 = never, or not known
    int http = 0;                     ///< of the answer
};

/// Told what a registry wants to remember. **Loop-bound**; must not call the bridge.
class BridgeObserver {
  public:
    virtual ~BridgeObserver() = default;
    virtual void key_reported(UniverseId, const KeyReport&) {}
    /// A publish was accepted; at most once an hour per universe and key.
    virtual void key_used(UniverseId, std::uint64_t key_version) { static_cast<void>(key_version); }
};

// ------------------------------------------------------------------ requests and answers

struct UniverseConfig {
    Mode mode = Mode::automatic;
    std::string prefix = "pulse";
    unsigned shards = kDefaultShards;
    /// Decrypted; this is its only copy. Empty with the version it has = unchanged; else none:
    /// publishing is refused as with a bad key.
    Secret key{};
    std::uint64_t key_version = 0;  ///< another number = another key: closes the circuit
    std::uint64_t key_owner = 0;    ///< from introspection; 0 = not known: a quota of its own
    /// Some servers never say hello: publish also what all known ones would come for.
    bool has_silent_servers = false;
};

struct PublishResult {
    Outcome outcome = Outcome::accepted;
    CloudError error{};                                 ///< Roblox's answer, where there was one
    std::optional<std::chrono::seconds> retry_after{};  ///< of queue_full, throttled
    /// Given up, but an attempt before may have got through: its answer was lost, or a failure that
    /// does not say. Publishing the message again may make two of it.
    bool may_have_arrived = false;
};
using PublishDone = std::function<void(const PublishResult&)>;

/// One message by HTTP, `POST …/send`.
struct SendCommand {
    SendRequest request;
    Destination destination = Destination::roblox;  ///< resolved; `request.destination` is ignored
    std::string sender{};                           ///< JobId, when a game server is known to send
    /// Idempotency-Key; empty = none. Kept apart by `caller`, such as a token's id.
    std::string idempotency_key{};
    std::string caller{};
};
/// Ready to be sent.
struct SendAnswer {
    int status = 200;
    std::string body{};  ///< JSON
    std::optional<std::chrono::seconds> retry_after{};
    bool is_repeat = false;  ///< the stored answer to an earlier one with this key
};
using SendDone = std::function<void(const SendAnswer&)>;

/// How a publish is answered: status and text, the same over HTTP and WebSocket.
[[nodiscard]] SendAnswer answer_for(const PublishResult& result);
/// The same as `error` text alone; empty when accepted.
[[nodiscard]] std::string_view error_text(Outcome outcome) noexcept;

struct HelloReply {
    std::string server;
    std::string epoch;
    std::string prefix;
    unsigned shards = kDefaultShards;  ///< to listen to from now on
    bool is_compatible = false;        ///< listen to `<prefix>` (envelopes), too
    Mode mode = Mode::automatic;       ///< with `both`, envelopes repeat what frames carry
    std::chrono::seconds heartbeat{30};
    std::chrono::milliseconds poll_wait{20'000};
    std::chrono::milliseconds poll_min_interval{250};
    std::uint64_t unix_ms = 0;
    /// Where a poll begins; of a later hello: where it would have got to by now.
    std::string cursor;
    /// Last number of each real topic this server hears: shows frames lost at the end.
    struct Head {
        std::string real_topic;
        std::uint64_t seq = 0;
    };
    std::vector<Head> heads;
};

/// A message for a game server that came for it.
struct DownMessage {
    std::uint64_t seq = 0;
    std::string topic;
    std::string message;  ///< JSON
    std::string options;  ///< JSON object, or empty
};

struct PollRequest {
    std::string server;
    std::string cursor{};                    ///< empty = from now on
    std::chrono::milliseconds wait{20'000};  ///< at most BridgeOptions::poll_wait
    std::vector<std::string> topics{};       ///< empty = all; `a*` = all that begin with `a`
    bool is_stream = false;                  ///< for figures only: an event stream asks by polling
};
enum class PollStatus : unsigned char {
    messages,       ///< there are some, or some were missed
    nothing,        ///< 204
    superseded,     ///< the server polls elsewhere: 204, and do not come again with this one
    refused,        ///< no such universe (here), or too many polls
    shutting_down,  ///< 204
};
struct PollReply {
    PollStatus status = PollStatus::nothing;
    std::string cursor{};
    std::vector<DownMessage> messages{};
    bool has_missed = false;   ///< the cursor was too old, or of another epoch
    bool wants_hello = false;  ///< this server is not known (any more)
    Error error{};             ///< of refused
};
using PollDone = std::function<void(PollReply)>;
using PollId = std::uint64_t;

struct UplinkReply {
    std::size_t accepted = 0;
    struct Refused {
        std::size_t index = 0;  ///< of the message in its batch
        Error error = Error::queue_full;
    };
    std::vector<Refused> refused;
    bool is_duplicate = false;  ///< the answer is the first one's; nothing happened again
    bool wants_hello = false;
    // Only for servers that poll; empty while one of their polls is open.
    std::vector<DownMessage> down;
    std::string cursor;
    bool has_missed = false;
    // What was asked for in `missing`.
    struct Frame {
        std::string real_topic;
        std::string text;
    };
    std::vector<Frame> repaired;       ///< as they were published
    std::vector<MissingRange> voided;  ///< never sent: nothing is missing
    std::vector<MissingRange> gone;    ///< lost for good
};

struct WebPage {
    struct Message {
        std::uint64_t seq = 0;
        std::string topic;
        std::string message;  ///< JSON; empty = none
        std::string sender;
        std::uint64_t sent_at_ms = 0;
    };
    std::vector<Message> messages;
    std::string cursor;
    bool has_missed = false;  ///< answer with a gap
    bool has_more = false;
};

// ------------------------------------------------------------------ the bridge

/// What a bridge is made of. All outlive it.
struct BridgeParts {
    core::Clock& clock;
    core::Rng& rng;  ///< an unguessable one: blob tokens come from it
    PublishTransport& transport;
    WebFanout& web;
    PublishBudget& budget;  ///< make_rate_governor(), or one that is shared between nodes
    BridgeObserver* observer = nullptr;
    /// Who numbers a universe's frames; a MemorySequence when empty.
    std::function<std::unique_ptr<SequenceSource>(UniverseId)> make_sequence{};
};

class Bridge {
  public:
    Bridge(BridgeOptions options, BridgeParts parts);
    ~Bridge();
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    // Universes

    /// Adds the universe or changes it, without losing what waits. Errors: Error::too_many_entries;
    /// Error::invalid_message for a prefix or number of shards that cannot be.
    [[nodiscard]] core::Result<void> set_universe(UniverseId universe, UniverseConfig config);
    /// Ends everything of it: messages with Outcome::unknown_universe, polls as refused.
    bool remove_universe(UniverseId universe);
    /// Ends everything of it as remove_universe() does, with Outcome::shutting_down: another node
    /// of a cluster has it, or will. Until it is set or removed here, what asks for it is answered
    /// so: Error::served_elsewhere, Outcome::shutting_down, 503.
    void release_universe(UniverseId universe);
    [[nodiscard]] bool is_elsewhere(UniverseId universe) const noexcept;
    [[nodiscard]] bool has_universe(UniverseId universe) const noexcept;
    /// Asks Open Cloud about the key now. Nothing is published. A good answer closes the circuit.
    void probe(UniverseId universe, std::function<void(const KeyReport&)> done);

    // To game servers

    /// `done` is called when it is over; for a message in both forms, when both are.
    void publish(UniverseId universe, OutgoingMessage message, PublishDone done);
    /// One message of an HTTP client, to game servers or to web clients, with its answer: waits for
    /// Roblox at most BridgeOptions::answer_wait. A repeat of an Idempotency-Key is answered as the
    /// first was, also while that one is still waiting.
    void send(UniverseId universe, SendCommand command, SendDone done);

    // From game servers

    /// Errors: Error::unknown_universe, Error::served_elsewhere, Error::too_many_entries,
    /// Error::shutting_down.
    [[nodiscard]] core::Result<HelloReply> hello(UniverseId universe, const ServerHello& hello);
    void bye(UniverseId universe, std::string_view server);
    /// Everything in it happens at most once per batch id. Errors: Error::unknown_universe,
    /// Error::served_elsewhere, Error::shutting_down.
    [[nodiscard]] core::Result<UplinkReply> uplink(UniverseId universe, UplinkBatch batch);
    /// Answers at once when there is something, else when there is or the wait is over. Another
    /// poll of the same server ends the one before.
    PollId poll(UniverseId universe, PollRequest request, PollDone done);
    /// The caller has gone: `done` is not called any more. Of one that is over: nothing.
    void cancel_poll(UniverseId universe, PollId poll);
    /// The item of a claim check; nothing when it is not there (any more). Good until the next
    /// call.
    [[nodiscard]] const std::string* blob(UniverseId universe, std::string_view token);

    // Web clients

    /// What web clients were sent behind `cursor` (`<epoch>:<seq>`), for those that come back.
    [[nodiscard]] WebPage read_web(UniverseId universe, std::string_view cursor,
                                   std::size_t max_messages = 1'024);
    [[nodiscard]] std::string web_cursor(UniverseId universe) const;

    // Figures

    [[nodiscard]] std::optional<UniverseStats> stats(UniverseId universe) const;
    [[nodiscard]] std::vector<ServerInfo> servers(UniverseId universe) const;
    [[nodiscard]] BridgeMetrics metrics() const;

    // Time

    void tick();
    /// When to call tick() again; nothing = not before something else was called.
    [[nodiscard]] std::optional<core::MonotonicTime> next_due() const noexcept;
    /// Called at the end of a call that made next_due() earlier than it was, and of each tick that
    /// leaves something due.
    void on_earlier(std::function<void(core::MonotonicTime)> rearm);

    /// Answers all polls, takes nothing new, and goes on sending what waits: until is_drained().
    void shut_down();
    [[nodiscard]] bool is_drained() const noexcept;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::roblox
