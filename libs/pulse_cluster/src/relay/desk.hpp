// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The relay's part of one lane: connections of this node's clients on their way to other nodes, and
// those of other nodes' clients that are here.
#pragma once

#include "relay/frame_batch.hpp"
#include "relay/node_mail.hpp"
#include "relay/records.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <pulse/cluster/relay.hpp>
#include <pulse/core/lane.hpp>

namespace pulse::cluster {

class RelayConversation;
class RemoteConnection;
class RemoteRequest;
class Switchboard;

/// A wrapped dialect. **Immutable.**
struct Space {
    core::Dialect* inner = nullptr;
    RelayKeys keys;
};
using SpacePtr = std::shared_ptr<const Space>;

inline constexpr unsigned kLaneBits = 6;
static_assert(core::Hub::kMaxLanes <= 1U << kLaneBits);
[[nodiscard]] constexpr std::size_t lane_of(SessionNumber session) noexcept {
    return session & ((1U << kLaneBits) - 1);
}
/// A client is asked for under another number each time: what somebody still says of an earlier
/// question is told apart by it. Above these bits is how often; the highest one is that of
/// requests.
inline constexpr unsigned kClientBits = 48;
[[nodiscard]] constexpr SessionNumber client_of(SessionNumber session) noexcept {
    return session & ((SessionNumber{1} << kClientBits) - 1);
}
[[nodiscard]] constexpr SessionNumber next_session(SessionNumber session) noexcept {
    return (session + (SessionNumber{1} << kClientBits)) & ~(SessionNumber{1} << 63);
}

/// RFC 6455 §7.4.1, and the registry it began.
inline constexpr std::uint16_t kServiceRestart = 1012;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::string_view kServiceRestartText = "Service restart";
inline constexpr std::string_view kTryAgainLaterText = "Try again later";

/// **Loop-bound**, but for put().
class Desk : public std::enable_shared_from_this<Desk> {
  public:
    Desk(core::Lane& lane, const RelayOptions& options, std::weak_ptr<Switchboard> board);
    ~Desk();

    /// All connections that are here, when the lane's loop has ended.
    void clear();

    /// Runs `task` on the lane, in the order of the calls. From any thread.
    using Task = std::function<void(Desk&)>;
    void put(Task task);

    [[nodiscard]] core::Lane& lane() const noexcept { return lane_; }
    [[nodiscard]] const RelayOptions& options() const noexcept { return options_; }

    // Gate: of this node's clients.

    /// A place for the conversation; what becomes of it is told to it.
    [[nodiscard]] SessionNumber enter(RelayConversation& conversation, OpenRecord open);
    void leave(SessionNumber session, const core::CloseEvent& event);
    void send_message(const PeerPtr& peer, SessionNumber session, core::MessageKind kind,
                      core::ByteView message);
    /// Whether more for it has to wait; then `client` is told when there is room.
    [[nodiscard]] bool is_full(const PeerPtr& peer, SessionNumber client);
    /// Null when it is gone.
    [[nodiscard]] RelayConversation* find(SessionNumber client) const;
    /// Null also unless it has been let in under that number.
    [[nodiscard]] RelayConversation* find_carried(SessionNumber session) const;
    void on_frames(const Frames& frames);

    // Host: of other nodes' clients.

    void open(const PeerPtr& peer, SessionNumber session, const SpacePtr& space,
              const OpenRecord& record);
    [[nodiscard]] RemoteConnection* find(const PeerPtr& peer, SessionNumber session) const;
    /// All of the peer's, which is not there any more.
    void end_all(const PeerPtr& peer);
    void request(const PeerPtr& peer, const RequestRecord& record,
                 const core::HttpHandler& handler);

    // What RemoteConnection and RemoteRequest use.

    [[nodiscard]] FrameBatch& frames(const PeerPtr& peer) { return outgoing(peer).frames; }
    /// Behind frames(): how much was added.
    void count(const PeerPtr& peer, std::size_t bytes);
    /// It has frames, and there is no room: on_room() is called.
    void block(RemoteConnection& connection);
    [[nodiscard]] bool is_full(const PeerPtr& peer) const noexcept {
        return peer->waiting.load(std::memory_order_relaxed) >= options_.window_bytes;
    }
    void say_opened(const PeerPtr& peer, SessionNumber session, std::size_t max_message);
    void say_refused(const PeerPtr& peer, SessionNumber session, std::string_view text);
    void say_credit(const PeerPtr& peer, SessionNumber session, std::size_t bytes);
    void say_closed(const PeerPtr& peer, SessionNumber session, std::uint16_t code,
                    std::string_view text);
    void say_answer(const PeerPtr& peer, std::uint64_t number, const core::HttpResponse& response);
    /// Destroyed soon, on_close() told before.
    void bury(RemoteConnection& connection, core::CloseEvent event);
    void bury(RemoteRequest& request);

    /// There is room again.
    void on_room(const PeerPtr& peer);

  private:
    struct Outgoing {
        std::string before;  ///< goes in front of frames
        FrameBatch frames;
        std::string after;
        std::size_t counted = 0;  ///< in Peer::waiting
        [[nodiscard]] std::size_t size() const noexcept {
            return before.size() + frames.bytes() + after.size();
        }
    };
    using HostKey = std::pair<const Peer*, std::uint64_t>;
    /// Runs on the board's loop, behind what goes out with it.
    using Command = std::function<void(Switchboard&)>;

    [[nodiscard]] Outgoing& outgoing(const PeerPtr& peer);
    void find_carried(std::span<const SessionNumber> sessions);
    template <typename Write>
    void say(const PeerPtr& peer, std::string Outgoing::*where, Write write);
    void command(Command command);
    void flush_soon();
    void flush();
    void await_room(const PeerPtr& peer);
    void forget(const PeerPtr& peer, SessionNumber session);

    core::Lane& lane_;
    const RelayOptions& options_;
    const std::weak_ptr<Switchboard> board_;
    const std::shared_ptr<core::Lane::Port> port_;

    std::uint64_t last_session_ = 0;
    std::unordered_map<SessionNumber, RelayConversation*> gate_;
    std::map<HostKey, std::unique_ptr<RemoteConnection>> host_;
    std::map<HostKey, std::unique_ptr<RemoteRequest>> requests_;
    std::map<PeerPtr, Outgoing> outgoing_;  ///< of peers that are not broken, when flushed
    std::pair<const PeerPtr, Outgoing>* last_outgoing_ = nullptr;  ///< one of these
    std::vector<core::Outlet*> outlets_;                           ///< scratch
    std::vector<Command> commands_;
    /// Who waits for room: clients of the gate, and sessions of the host.
    std::map<PeerPtr, std::vector<SessionNumber>> waiting_;
    std::map<PeerPtr, std::vector<SessionNumber>> blocked_;
    bool is_flush_due_ = false;

    std::mutex mutex_;
    std::vector<Task> inbox_;
    bool is_posted_ = false;
};

}  // namespace pulse::cluster
