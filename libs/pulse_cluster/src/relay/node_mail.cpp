// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/node_mail.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

namespace pulse::cluster {

namespace {

constexpr std::string_view kMagic = "R1";
constexpr std::uint8_t kBeat = 1;
constexpr std::size_t kMaxNameBytes = 256;
/// Ours; a cluster has tens of nodes, and each start of one is another.
constexpr std::size_t kMaxPairs = 100'000;
/// Further ahead no pair is that has only lost things: there would be no next one at the end.
constexpr std::uint64_t kMostEpochsAhead = std::uint64_t{1} << 32;
/// What the carrier may have unsent before more is given to it, and how soon it is looked at again.
constexpr std::size_t kMaxUnsent = std::size_t{4} * 1024 * 1024;
constexpr std::chrono::milliseconds kCongestionPause{2};
constexpr std::chrono::milliseconds kLongestTick{250};
/// What is of an earlier epoch is answered at most that often.
constexpr std::chrono::milliseconds kAnswerPause{50};
/// A pair that nobody needs and that is silent for so long is forgotten.
constexpr std::chrono::minutes kForgotten{60};
/// Of the stream's buffer, when a long record has been put together.
constexpr std::size_t kKeptBytes = std::size_t{256} * 1024;

}  // namespace

struct NodeMail::Piece {
    std::uint8_t flags = 0;
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;
    std::uint64_t consumed = 0;
    std::string_view from;
    std::string_view bytes;

    [[nodiscard]] static bool read(std::string_view in, Piece& out) noexcept {
        if (!in.starts_with(kMagic)) return false;
        in.remove_prefix(kMagic.size());
        if (!take_number(in, out.flags) || !take_number(in, out.epoch) ||
            !take_number(in, out.number) || !take_number(in, out.consumed) ||
            !take_bytes(in, out.from)) {
            return false;
        }
        out.bytes = in;
        const bool is_beat = (out.flags & kBeat) != 0;
        return out.flags <= kBeat && out.epoch != 0 && !out.from.empty() &&
               out.from.size() <= kMaxNameBytes && is_beat == out.bytes.empty();
    }
};

NodeMail::NodeMail(asio::io_context& io, MailCarrier& carrier, MailOptions options)
    : io_(io),
      carrier_(carrier),
      options_(options),
      node_(carrier.node()),
      timer_(io),
      congestion_timer_(io) {}

void NodeMail::start(Events events) {
    events_ = std::move(events);
    carrier_.listen([weak = weak_from_this()](std::string_view bytes) {
        const auto self = weak.lock();
        if (self != nullptr && !self->is_closed_) self->on_told(bytes);
    });
    wait();
}

void NodeMail::close() {
    if (std::exchange(is_closed_, true)) return;
    carrier_.listen({});
    timer_.cancel();
    congestion_timer_.cancel();
    for (const auto& [name, pair] : pairs_) pair->peer->is_broken = true;
}

NodeMail::Pair& NodeMail::pair(const std::string& node) {
    auto& place = pairs_[node];
    if (place == nullptr) {
        place = std::make_unique<Pair>();
        place->peer = std::make_shared<Peer>(node);
        place->heard = place->said = Clock::now();
    }
    return *place;
}

PeerPtr NodeMail::peer(const std::string& node) { return pair(node).peer; }

// -------------------------------------------------------------------- sending

void NodeMail::send(const PeerPtr& peer, std::string records, bool is_counted) {
    if (is_closed_ || peer->is_broken || records.empty()) return;
    if (!is_counted) peer->waiting += records.size();
    Pair& to = pair(peer->name);
    to.queue_bytes += records.size();
    to.queue.push_back(std::move(records));
    pump_soon();
}

std::size_t NodeMail::unsent_bytes(const PeerPtr& peer) const {
    const auto found = pairs_.find(peer->name);
    return found == pairs_.end() || found->second->peer != peer ? 0 : found->second->queue_bytes;
}

void NodeMail::pump_soon() {
    if (std::exchange(is_pump_due_, true)) return;
    // What comes in the rest of this turn goes along.
    asio::post(io_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->is_closed_) return;
        self->is_pump_due_ = false;
        self->pump();
    });
}

void NodeMail::pump() {
    for (const auto& [name, each] : pairs_) {
        if (!each->queue.empty()) pump(*each);
    }
}

void NodeMail::pump(Pair& pair) {
    const std::size_t limit = carrier_.max_bytes();
    std::size_t most = options_.max_piece_bytes;
    if (limit != 0) most = std::min(most, limit - std::min(limit - 1, kMaxNameBytes + 64));
    std::string bytes;
    while (!pair.queue.empty() && pair.sent_bytes - pair.acknowledged < options_.window_bytes) {
        if (carrier_.unsent_bytes() > kMaxUnsent) {
            if (std::exchange(is_congested_, true)) return;
            congestion_timer_.expires_after(kCongestionPause);
            congestion_timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
                const auto self = weak.lock();
                if (error || self == nullptr || self->is_closed_) return;
                self->is_congested_ = false;
                self->pump();
            });
            return;
        }
        bytes.clear();
        std::size_t at = pair.queue_begin;
        std::size_t whole = 0;  // of the queue's strings
        while (whole < pair.queue.size() && bytes.size() < most) {
            const std::string& next = pair.queue[whole];
            const std::size_t n = std::min(next.size() - at, most - bytes.size());
            bytes.append(next, at, n);
            at += n;
            if (at < next.size()) break;
            at = 0;
            ++whole;
        }
        ++pair.last_sent;
        if (!say(pair, false, bytes)) {
            // It waits here until the carrier is back, or the pair is given up.
            --pair.last_sent;
            return;
        }
        pair.queue.erase(pair.queue.begin(),
                         pair.queue.begin() + static_cast<std::ptrdiff_t>(whole));
        pair.queue_begin = at;
        pair.queue_bytes -= bytes.size();
        pair.sent_bytes += bytes.size();
        stats_.bytes_sent += bytes.size();
    }
}

bool NodeMail::say(Pair& pair, bool is_beat, std::string_view bytes) {
    std::string piece(kMagic);
    append_number(is_beat ? kBeat : std::uint8_t{0}, piece);
    append_number(pair.epoch, piece);
    append_number(pair.last_sent, piece);
    append_number(pair.consumed, piece);
    append_bytes(node_, piece);
    piece += bytes;
    if (!carrier_.tell(pair.peer->name, piece)) return false;
    pair.told = pair.consumed;
    pair.said = Clock::now();
    ++stats_.pieces_sent;
    return true;
}

// ------------------------------------------------------------------ receiving

void NodeMail::on_told(std::string_view bytes) {
    Piece piece;
    if (!Piece::read(bytes, piece) || piece.from == node_) {
        ++stats_.malformed;
        return;
    }
    const std::string from(piece.from);
    if (pairs_.size() >= kMaxPairs && !pairs_.contains(from)) return;
    ++stats_.pieces_received;
    take(pair(from), piece);
}

void NodeMail::take(Pair& pair, const Piece& piece) {
    const Time now = Clock::now();
    if (piece.epoch < pair.epoch) {
        // It does not know yet that this epoch is over.
        if (now - pair.said >= kAnswerPause) beat(pair);
        return;
    }
    if (piece.epoch - pair.epoch > kMostEpochsAhead) {
        ++stats_.malformed;
        return;
    }
    if (piece.epoch > pair.epoch) begin_epoch(pair, piece.epoch, "the other node lost something");
    pair.heard = now;
    const bool is_beat = (piece.flags & kBeat) != 0;
    if (piece.number != pair.last_received + (is_beat ? 0U : 1U)) {
        return lose(pair, "a piece was lost");
    }
    if (piece.consumed < pair.acknowledged || piece.consumed > pair.sent_bytes) {
        ++stats_.malformed;
        return lose(pair, "the other node counts wrongly");
    }
    acknowledge(pair, piece.consumed);
    if (is_beat) {
        if (now - pair.said >= options_.beat / 2) beat(pair);
        return;
    }
    pair.last_received = piece.number;
    pair.received_bytes += piece.bytes.size();
    stats_.bytes_received += piece.bytes.size();
    // Told when the last who holds it is done; of a broken pair that means nothing.
    auto size = std::make_shared<std::size_t>(0);
    const Receipt receipt(nullptr, [weak = weak_from_this(), peer = pair.peer, size](void*) {
        const auto self = weak.lock();
        if (self == nullptr || peer->is_broken || *size == 0) return;
        asio::post(self->io_, [weak, peer, n = *size] {
            const auto mail = weak.lock();
            if (mail != nullptr && !mail->is_closed_) mail->on_consumed(peer, n);
        });
    });
    const std::size_t deferred = deferred_bytes(pair);
    const PeerPtr peer = pair.peer;
    if (!read_records(pair, piece.bytes, receipt)) {
        ++stats_.malformed;
        return lose(pair, "the other node says what makes no sense");
    }
    // The beginning of a record belongs to who gets its end.
    if (pair.peer == peer) *size = deferred + piece.bytes.size() - deferred_bytes(pair);
}

/// Of a record that is not whole yet, and not told as consumed; a longer one has to come in all the
/// same.
std::size_t NodeMail::deferred_bytes(const Pair& pair) const noexcept {
    return std::min(pair.partial.size(), options_.window_bytes / 2);
}

bool NodeMail::read_records(Pair& pair, std::string_view bytes, const Receipt& receipt) {
    std::string whole;
    if (!pair.partial.empty()) {
        pair.partial += bytes;
        std::string_view head = pair.partial;
        std::uint32_t size = 0;
        // A long record is put together once, not looked at with every piece.
        if (!take_number(head, size) || head.size() < size) {
            return pair.partial.size() < sizeof size || size <= options_.max_record_bytes;
        }
        whole = std::exchange(pair.partial, {});
        bytes = whole;
    }
    const PeerPtr peer = pair.peer;
    while (!bytes.empty()) {
        std::string_view rest = bytes;
        std::uint32_t size = 0;
        if (!take_number(rest, size)) break;
        if (size == 0 || size > options_.max_record_bytes) return false;
        if (rest.size() < size) break;
        if (!events_.on_record(peer, rest.substr(0, size), receipt)) return false;
        // What it led to may have broken the pair.
        if (peer->is_broken) return true;
        bytes = rest.substr(size);
    }
    pair.partial.assign(bytes);
    if (pair.partial.capacity() > kKeptBytes && pair.partial.size() < kKeptBytes / 2) {
        pair.partial.shrink_to_fit();
    }
    return true;
}

void NodeMail::acknowledge(Pair& pair, std::uint64_t consumed) {
    const auto more = static_cast<std::size_t>(consumed - pair.acknowledged);
    if (more == 0) return;
    pair.acknowledged = consumed;
    Peer& peer = *pair.peer;
    const std::size_t left = peer.waiting.fetch_sub(more) - more;
    if (!pair.queue.empty()) pump_soon();
    if (left <= options_.window_bytes / 2 && peer.is_awaited.exchange(false)) {
        events_.on_room(pair.peer);
    }
}

void NodeMail::on_consumed(const PeerPtr& peer, std::size_t bytes) {
    if (peer->is_broken) return;
    Pair& of = pair(peer->name);
    of.consumed += bytes;
    // Otherwise with whatever goes there next.
    if (of.consumed - of.told >= options_.window_bytes / 4) beat(of);
}

// --------------------------------------------------------------------- losses

void NodeMail::lose(Pair& pair, std::string_view why) {
    begin_epoch(pair, pair.epoch + 1, why);
    beat(pair);
}

void NodeMail::begin_epoch(Pair& pair, std::uint64_t epoch, std::string_view why) {
    const PeerPtr gone = pair.peer;
    gone->is_broken = true;
    const bool was_used = pair.last_sent != 0 || pair.last_received != 0 || !pair.queue.empty();
    const Time heard = pair.heard;
    const Time said = pair.said;
    pair = Pair{};
    pair.peer = std::make_shared<Peer>(gone->name);
    pair.epoch = epoch;
    pair.heard = heard;
    pair.said = said;
    pair.needed_since = Clock::now();
    if (was_used) ++stats_.losses;
    events_.on_broken(gone, why);
}

void NodeMail::tick() {
    const Time now = Clock::now();
    for (auto each = pairs_.begin(); each != pairs_.end();) {
        Pair& pair = *each->second;
        const bool is_needed = !pair.queue.empty() || events_.is_needed(each->first);
        // Silence counts from when it is waited for.
        if (!std::exchange(pair.is_needed, is_needed)) pair.needed_since = now;
        if (!is_needed) {
            if (now - std::max(pair.heard, pair.said) > kForgotten) {
                pair.peer->is_broken = true;
                each = pairs_.erase(each);
                continue;
            }
        } else if (now - std::max(pair.heard, pair.needed_since) > options_.dead) {
            pair.heard = now;
            lose(pair, "the other node is silent");
        } else if (now - pair.said >= options_.beat) {
            beat(pair);
        }
        ++each;
    }
    pump();
}

void NodeMail::wait() {
    timer_.expires_after(std::min(options_.beat / 2, kLongestTick));
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->is_closed_) return;
        self->tick();
        self->wait();
    });
}

}  // namespace pulse::cluster
