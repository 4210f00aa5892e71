// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One universe of a bridge: its way out (dispatcher), its game servers and their polls, its way in,
// its figures. Made of parts that know nothing of one another; what passes between them is here.
#pragma once

#include "answer_book.hpp"
#include "bridge_shared.hpp"
#include "claim_book.hpp"
#include "dispatcher.hpp"
#include "downlink_ring.hpp"
#include "due_queue.hpp"
#include "poll_hub.hpp"
#include "server_directory.hpp"
#include "traffic_book.hpp"
#include "wake_book.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace pulse::roblox {

/// **Loop-bound.** Calls nothing of the embedder but transport, fanout and observer; completions go
/// through BridgeShared::call_later().
class Universe : public std::enable_shared_from_this<Universe> {
  public:
    Universe(UniverseId id, BridgeShared& shared);

    [[nodiscard]] UniverseId id() const noexcept { return id_; }

    /// Where it stands in the bridge's queue.
    DueQueue<UniverseId>::Place place{};

    void configure(UniverseConfig config);
    /// Answers everything that is open.
    void end(Outcome outcome);
    void probe(std::function<void(const KeyReport&)> done);

    void publish(OutgoingMessage message, PublishDone done);
    void send(SendCommand command, SendDone done);

    [[nodiscard]] core::Result<HelloReply> hello(const ServerHello& hello);
    void bye(std::string_view server);
    [[nodiscard]] UplinkReply uplink(UplinkBatch batch);
    PollId poll(PollRequest request, PollDone done);
    void cancel_poll(PollId poll);
    void end_polls(PollStatus status, Error error = {});
    [[nodiscard]] const std::string* blob(std::string_view token);

    [[nodiscard]] WebPage read_web(std::string_view cursor, std::size_t max_messages);
    [[nodiscard]] std::string web_cursor() const { return web_ring_.cursor(); }

    [[nodiscard]] UniverseStats stats();
    [[nodiscard]] std::vector<ServerInfo> servers() const;
    void add_gauges(BridgeMetrics& metrics);
    [[nodiscard]] bool is_drained() const noexcept { return open_.empty() && sends_.empty(); }

    /// Does what is due.
    void run();
    [[nodiscard]] std::optional<core::MonotonicTime> next_due() const;
    /// Of what publishing may have added, without looking at all that waits.
    [[nodiscard]] std::optional<core::MonotonicTime> soonest() const;

  private:
    using Time = core::MonotonicTime;
    using SendId = std::uint64_t;

    /// How a message travels.
    struct Route {
        Forms forms{};             ///< in which it is published; may be none
        bool is_for_ring = false;  ///< servers come for it
        bool is_for_deaf_only = false;
        LiveServer* server = nullptr;  ///< the only one it is for, when known
    };
    struct Taken {
        std::optional<PublishResult> ended{};  ///< over already
        MessageId id = 0;
    };
    struct OpenSend {
        std::vector<SendDone> dones;
        std::string book_key;
        Time deadline{};
    };

    // universe.cpp
    [[nodiscard]] std::string owner_name() const;
    void send_frame(Dispatcher::AttemptId attempt, const OutgoingFrame& frame);
    void on_answer(Dispatcher::AttemptId attempt, const CloudError& answer, Time sent_at);
    void on_introspected(const IntrospectAnswer& answer, std::uint64_t key_version,
                         const std::function<void(const KeyReport&)>& done);
    void on_done(MessageId id, const Dispatcher::Ending& ending);
    void note_frame(const OutgoingFrame& frame);
    void note_end(Outcome outcome);
    void report_key(const KeyReport& report);
    void renew_ring();
    void tidy_rings(Time now);

    // universe_publish.cpp
    [[nodiscard]] Route route_of(const OutgoingMessage& message);
    [[nodiscard]] std::optional<Error> check(const OutgoingMessage& message) const;
    [[nodiscard]] Taken take(OutgoingMessage message, PublishDone done);
    [[nodiscard]] PublishResult refused(Outcome outcome);
    void add_to_ring(DownlinkMessage message, LiveServer* server);
    void deliver_to_web(std::string topic, std::string message, std::string sender);

    // universe_send.cpp
    void finish_send(SendId id, const PublishResult& result);
    void time_out_sends(Time now);
    void answer_sends(OpenSend& send, const SendAnswer& answer);

    // universe_servers.cpp
    void servers_changed();
    void greet(LiveServer& server);
    void forget(LiveServer& server);
    void send_wakes(Time now);
    [[nodiscard]] DownlinkReader reader_of(const LiveServer& server) const;
    void finish_poll(HeldPoll poll, PollReply reply);
    [[nodiscard]] PollReply reply_of(const DownlinkRing::Page& page) const;

    // universe_uplink.cpp
    void take_uplink(Item item, const UplinkOptions& options, const std::string& server,
                     std::size_t index, UplinkReply& reply);
    void repair(const UplinkBatch& batch, UplinkReply& reply, Time now);

    UniverseId id_;
    BridgeShared& shared_;
    UniverseConfig config_{};
    std::unique_ptr<SequenceSource> sequence_;
    std::string ring_epoch_;
    ClaimBook claims_;
    Dispatcher dispatcher_;
    ServerDirectory directory_;
    WakeBook wakes_;
    DownlinkRing poll_ring_;
    DownlinkRing web_ring_;
    PollHub polls_;
    AnswerBook answers_;
    TrafficBook traffic_;
    RateMeter frames_;
    RateMeter frame_messages_;

    std::unordered_map<MessageId, PublishDone> open_;
    std::map<SendId, OpenSend> sends_;       // by age, and all wait equally long
    std::map<SendId, OpenSend> late_sends_;  // answered 504, but their key wants to know
    std::unordered_map<std::string, SendId> sends_by_key_;
    SendId last_send_ = 0;

    bool has_said_hello_ = false;  // any server, ever
    bool is_probing_ = false;
    Time expire_at_{};
    std::optional<Time> tidy_at_;  // when nothing else forgets what the rings hold
    std::uint64_t key_used_at_ms_ = 0;
    std::uint64_t key_use_told_ms_ = 0;
    std::uint64_t uplink_duplicates_ = 0;
    std::uint64_t throttled_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t coalesced_ = 0;
    std::map<int, std::uint64_t> statuses_;
    std::array<std::uint64_t, kDropReasons> drops_{};
};

}  // namespace pulse::roblox
