// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Records between this node and others, in order, each once, or not at all and then both find out.
//
// Two nodes are a pair. What one says to the other is a stream of records, cut into pieces that the
// carrier takes, each with a number. A piece that does not come breaks the pair: everything that
// was under way between the two is over, on both sides, and they begin anew with the next epoch of
// the pair. Both sides count epochs alike: who sees a loss goes to the next one, who hears of a
// later one goes along, and what is of an earlier one is answered with the current one. When both
// see a loss at the same time they arrive at the same number.
//
//   piece   = "R1" flags (u8) epoch (u64) number (u64) consumed (u64) from (u32 length, bytes)
//             bytes of the stream
//   flags   = 1: a beat: without bytes, its number is that of the last piece
//   stream  = records: u32 length, bytes
//
// Beats go out while somebody needs the pair, so that a loss of the last piece is seen, too, and a
// node that is silent for too long is taken for dead. `consumed` tells how many bytes of the
// other's stream have been dealt with in this epoch; more than a window beyond that is not sent.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/cluster/mail_carrier.hpp>

namespace pulse::cluster {

/// Another node in one epoch of the pair. Lanes hold it; what they have for it is void once it is
/// broken. **Thread-safe.**
struct Peer {
    explicit Peer(std::string name_) : name(std::move(name_)) {}

    const std::string name;
    /// Bytes that somebody has for it and it has not dealt with.
    std::atomic<std::size_t> waiting{0};
    /// Somebody waits for `waiting` to become less.
    std::atomic<bool> is_awaited{false};
    std::atomic<bool> is_broken{false};
};
using PeerPtr = std::shared_ptr<Peer>;

/// Held as long as a record is not dealt with; may go on any thread.
using Receipt = std::shared_ptr<void>;

struct MailOptions {
    std::chrono::milliseconds beat{1'000};
    /// Silent for so long is dead.
    std::chrono::milliseconds dead{6'000};
    /// Of one direction of a pair, on its way and not dealt with.
    std::size_t window_bytes = std::size_t{4} * 1024 * 1024;
    std::size_t max_piece_bytes = std::size_t{128} * 1024;
    /// A longer one breaks the pair: no node says such things.
    std::size_t max_record_bytes = std::size_t{128} * 1024 * 1024;
};

struct MailStats {
    std::atomic<std::uint64_t> pieces_sent{0};
    std::atomic<std::uint64_t> pieces_received{0};
    std::atomic<std::uint64_t> bytes_sent{0};      ///< of streams
    std::atomic<std::uint64_t> bytes_received{0};  ///< of streams
    std::atomic<std::uint64_t> losses{0};          ///< pairs broken
    std::atomic<std::uint64_t> malformed{0};
};

/// **Loop-bound**, but for what says otherwise.
class NodeMail : public std::enable_shared_from_this<NodeMail> {
  public:
    struct Events {
        /// False: it makes no sense, which breaks the pair.
        std::function<bool(const PeerPtr& from, std::string_view record, const Receipt& receipt)>
            on_record;
        /// Everything under way with it is over. From now on there is another Peer of the name.
        std::function<void(const PeerPtr& peer, std::string_view why)> on_broken;
        /// It was awaited, and there is room again.
        std::function<void(const PeerPtr& peer)> on_room;
        /// Whether anything depends on hearing from it.
        std::function<bool(const std::string& node)> is_needed;
    };

    NodeMail(asio::io_context& io, MailCarrier& carrier, MailOptions options);

    void start(Events events);
    /// Nothing is called any more.
    void close();

    [[nodiscard]] const std::string& node() const noexcept { return node_; }
    [[nodiscard]] const MailOptions& options() const noexcept { return options_; }
    [[nodiscard]] PeerPtr peer(const std::string& node);
    /// Records, each with its length. `is_counted`: Peer::waiting has them already. What is for a
    /// broken peer is forgotten.
    void send(const PeerPtr& peer, std::string records, bool is_counted);
    /// Waits in this process for the peer.
    [[nodiscard]] std::size_t unsent_bytes(const PeerPtr& peer) const;

    [[nodiscard]] const MailStats& stats() const noexcept { return stats_; }

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    struct Pair {
        PeerPtr peer;
        std::uint64_t epoch = 1;
        // Out.
        std::deque<std::string> queue;
        std::size_t queue_begin = 0;  ///< in its first
        std::size_t queue_bytes = 0;
        std::uint64_t last_sent = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t acknowledged = 0;  ///< of these
        // In.
        std::uint64_t last_received = 0;
        std::uint64_t received_bytes = 0;
        std::uint64_t consumed = 0;
        std::uint64_t told = 0;  ///< of `consumed`
        std::string partial;
        Time heard{};
        Time said{};
        Time needed_since{};
        bool is_needed = false;
    };
    struct Piece;

    void on_told(std::string_view bytes);
    void take(Pair& pair, const Piece& piece);
    [[nodiscard]] bool read_records(Pair& pair, std::string_view bytes, const Receipt& receipt);
    [[nodiscard]] std::size_t deferred_bytes(const Pair& pair) const noexcept;
    void acknowledge(Pair& pair, std::uint64_t consumed);
    void on_consumed(const PeerPtr& peer, std::size_t bytes);
    void lose(Pair& pair, std::string_view why);
    void begin_epoch(Pair& pair, std::uint64_t epoch, std::string_view why);
    void pump_soon();
    void pump();
    void pump(Pair& pair);
    bool say(Pair& pair, bool is_beat, std::string_view bytes);
    void beat(Pair& pair) { (void)say(pair, true, {}); }
    void tick();
    void wait();
    [[nodiscard]] Pair& pair(const std::string& node);

    asio::io_context& io_;
    MailCarrier& carrier_;
    const MailOptions options_;
    const std::string node_;
    Events events_;
    std::map<std::string, std::unique_ptr<Pair>> pairs_;
    asio::steady_timer timer_;
    asio::steady_timer congestion_timer_;
    bool is_pump_due_ = false;
    bool is_congested_ = false;
    bool is_closed_ = false;
    MailStats stats_;
};

}  // namespace pulse::cluster
