// SPDX-License-Identifier: MIT OR Apache-2.0
#include "channel.hpp"
#include "publication_log.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <pulse/core/receiver.hpp>

namespace pulse::core {

Receiver::Receiver(Hub& hub, detail::Channel& channel, std::shared_ptr<detail::PublicationLog> log,
                   bool is_counted)
    : hub_(&hub),
      channel_(&channel),
      log_(std::move(log)),
      segment_(log_->tail()),
      index_(segment_->ready.load(std::memory_order_relaxed)),
      is_counted_(is_counted),
      gaps_(log_->gaps()) {}

Receiver::Receiver(Receiver&& other) noexcept
    : hub_(std::exchange(other.hub_, nullptr)),
      channel_(std::exchange(other.channel_, nullptr)),
      log_(std::move(other.log_)),
      segment_(std::move(other.segment_)),
      index_(other.index_),
      is_counted_(other.is_counted_),
      lagged_(other.lagged_),
      gaps_(other.gaps_) {}

Receiver& Receiver::operator=(Receiver&& other) noexcept {
    Receiver taken(std::move(other));
    std::swap(hub_, taken.hub_);
    std::swap(channel_, taken.channel_);
    std::swap(log_, taken.log_);
    std::swap(segment_, taken.segment_);
    std::swap(index_, taken.index_);
    std::swap(is_counted_, taken.is_counted_);
    std::swap(lagged_, taken.lagged_);
    std::swap(gaps_, taken.gaps_);
    return *this;
}

Receiver::~Receiver() {
    if (channel_ != nullptr) hub_->remove_receiver(*channel_, is_counted_);
}

std::uint32_t Receiver::ready() const noexcept {
    return segment_->ready.load(std::memory_order_acquire);
}

const PublicationPtr& Receiver::entry(std::uint32_t index) const noexcept {
    return segment_->entries[index];
}

const PublicationPtr* Receiver::try_next_segment() noexcept {
    if (index_ < detail::LogSegment::kEntries) return nullptr;
    std::shared_ptr<detail::LogSegment> next = log_->next(*segment_, lagged_);
    if (next == nullptr) return nullptr;
    segment_ = std::move(next);
    index_ = 0;
    return index_ < ready() ? &entry(index_++) : nullptr;
}

const PublicationPtr* Receiver::receive(std::chrono::milliseconds timeout) {
    // Cut, so that the deadline does not overflow.
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
    const auto deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongest);
    for (;;) {
        if (const PublicationPtr* publication = try_receive()) return publication;
        // A new segment is announced before its first entry, hence the loop.
        const bool is_woken = log_->wait_until(deadline, [this] {
            return index_ == detail::LogSegment::kEntries
                       ? log_->has_after(*segment_)
                       : index_ < segment_->ready.load(std::memory_order_seq_cst);
        });
        if (!is_woken) return try_receive();
    }
}

std::uint64_t Receiver::take_lagged() noexcept { return std::exchange(lagged_, 0); }
bool Receiver::take_gap() noexcept {
    const std::uint64_t now = log_->gaps();
    return std::exchange(gaps_, now) != now;
}

// ------------------------------------------------------------------- Listener

namespace {

/// What travels to a Listener: its own record, read back as a view. Lengths are 32-bit in the
/// machine's order: these bytes never leave the process.
class RecordEncoder final : public Encoder {
  public:
    struct Header {
        std::uint32_t channel;
        std::uint32_t event;  ///< kNoEvent = absent
        std::uint32_t payload;
        std::uint32_t flags;
        std::array<std::uint64_t, 2> source;
        std::uint64_t timestamp_ms;
        StreamPosition position;
    };
    static constexpr std::uint32_t kNoEvent = 0xffff'ffff;
    static constexpr std::uint32_t kHasSource = 1;
    static constexpr std::uint32_t kIsGap = 2;  ///< a GapEvent: channel and position alone

    using Encoder::encode;
    bool encode(const PublicationView& view, MessageWriter& out) const override {
        Header header{};
        header.channel = static_cast<std::uint32_t>(view.channel.size());
        header.event = view.event ? static_cast<std::uint32_t>(view.event->size()) : kNoEvent;
        header.payload = static_cast<std::uint32_t>(view.payload.size());
        if (view.source) header.flags = kHasSource;
        if (view.source) header.source = view.source->words;
        header.timestamp_ms = view.timestamp_ms;
        header.position = view.position;
        const std::size_t event_bytes = view.event ? view.event->size() : 0;
        std::byte* p =
            out.begin(sizeof header + view.channel.size() + event_bytes + view.payload.size(),
                      MessageKind::binary);
        if (p == nullptr) return false;
        p = put(p, &header, sizeof header);
        p = put(p, view.channel.data(), view.channel.size());
        if (view.event) p = put(p, view.event->data(), view.event->size());
        put(p, view.payload.data(), view.payload.size());
        return true;
    }

    bool encode(const GapEvent& event, MessageWriter& out) const override {
        Header header{};
        header.channel = static_cast<std::uint32_t>(event.channel.size());
        header.event = kNoEvent;
        header.flags = kIsGap;
        header.position = event.position;
        std::byte* p = out.begin(sizeof header + event.channel.size(), MessageKind::binary);
        if (p == nullptr) return false;
        put(put(p, &header, sizeof header), event.channel.data(), event.channel.size());
        return true;
    }

    /// Reads one record and moves `p` behind it.
    static PublicationView read(const std::byte*& p, bool& is_gap) noexcept {
        Header header;
        std::memcpy(&header, p, sizeof header);
        p += sizeof header;
        PublicationView view;
        view.channel = text(p, header.channel);
        if (header.event != kNoEvent) view.event = text(p, header.event);
        view.payload = ByteView{p, header.payload};
        p += header.payload;
        if ((header.flags & kHasSource) != 0) view.source = SessionId{header.source};
        is_gap = (header.flags & kIsGap) != 0;
        view.timestamp_ms = header.timestamp_ms;
        view.position = header.position;
        return view;
    }

  private:
    static std::byte* put(std::byte* out, const void* bytes, std::size_t n) noexcept {
        if (n != 0) std::memcpy(out, bytes, n);
        return out + n;
    }
    static std::string_view text(const std::byte*& p, std::uint32_t n) noexcept {
        const std::string_view out{reinterpret_cast<const char*>(p), n};
        p += n;
        return out;
    }
};

const RecordEncoder& record_encoder() noexcept {
    static const RecordEncoder encoder;
    return encoder;
}

}  // namespace

Listener::Listener(Lane& lane, SessionId id, Function function, GapFunction on_gap)
    : Outlet(lane, no_framing()),
      function_(std::move(function)),
      on_gap_(std::move(on_gap)),
      session_(lane.hub(), *this, record_encoder(), id) {}

Listener::~Listener() = default;

void Listener::write_out() noexcept {
    // One piece at a time: the function may subscribe or publish, which may add to this turn.
    iovec piece{};
    while (gather({&piece, 1}) == 1) {
        const auto* p = static_cast<const std::byte*>(piece.iov_base);
        const std::byte* end = p + piece.iov_len;
        while (p < end) {
            bool is_gap = false;
            const PublicationView view = RecordEncoder::read(p, is_gap);
            if (!is_gap) {
                function_(view);
            } else if (on_gap_) {
                on_gap_({view.channel, view.position});
            }
        }
        consume(piece.iov_len);
    }
}

}  // namespace pulse::core
