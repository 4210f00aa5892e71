// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The sending half of a connection, as the hub sees it.
//
// Within one turn of its lane an outlet collects slices: references to framed bytes in shared
// chunks, its own replies among them, in the order they became due. At the end of the turn the lane
// calls write_out() once, which hands all of them to the operating system in one gathered send.
// What the peer's socket does not take is kept in a backlog (allocated only then) under
// OutletLimits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/uio.h>

#include <pulse/core/encoding.hpp>

namespace pulse::core {

class Hub;
class Lane;
class Session;

/// What happens when a peer reads more slowly than it is sent to.
enum class SlowConsumerPolicy : std::uint8_t {
    close,        ///< closed, so that nothing is lost unnoticed
    drop_oldest,  ///< the oldest queued publications go
    drop_newest,  ///< what does not fit is not queued
};

/// Bounds on what is kept for one peer whose socket is full. 0 = without limit. Replies to the
/// peer's own requests are never dropped; a peer that lets them pile up to twice `max_bytes`, or
/// asks for as much within one turn, is closed under every policy.
struct OutletLimits {
    std::size_t max_bytes = std::size_t{16} * 1024 * 1024;
    std::size_t max_messages = 0;
    SlowConsumerPolicy policy = SlowConsumerPolicy::close;
};

/// A run of framed messages in a chunk that somebody else keeps alive.
struct FrameSlice {
    Chunk* chunk = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t messages = 0;
    [[nodiscard]] std::uint32_t size() const noexcept { return end - begin; }
};

/// A run of framed messages that owns its share of the chunk: encoded once, sent to many.
struct SharedFrame {
    ChunkRef chunk;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t messages = 1;
    std::uint32_t message_bytes = 0;  ///< without framing; for statistics
    [[nodiscard]] std::uint32_t size() const noexcept { return end - begin; }
};

/// **Loop-bound** to its lane.
class Outlet {
  public:
    Outlet(Lane& lane, const Framing& framing) noexcept;
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    virtual ~Outlet();

    [[nodiscard]] Lane& lane() const noexcept { return *lane_; }
    [[nodiscard]] const Framing& framing() const noexcept { return *framing_; }

    /// Room for one message to this peer alone, already framed: the caller fills `bytes` bytes at
    /// the result before anything else is sent. Null when the memory budget is exhausted or the
    /// outlet is closed: the message is then lost and the connection about to end.
    [[nodiscard]] std::byte* begin_message(std::size_t bytes, MessageKind kind);
    /// Sends a copy of `message`.
    void send(ByteView message, MessageKind kind = MessageKind::binary);
    /// Sends bytes that are framed already, for this outlet's framing.
    void send(const SharedFrame& frame);

    /// Bytes waiting because the peer's socket is full.
    [[nodiscard]] std::size_t backlog_bytes() const noexcept;
    [[nodiscard]] std::size_t backlog_messages() const noexcept;
    /// The part of backlog_bytes() that answers the peer's own requests.
    [[nodiscard]] std::size_t backlog_reply_bytes() const noexcept;
    /// The peer does not read fast enough and is about to be closed: nothing sent will reach it.
    [[nodiscard]] bool is_overflowed() const noexcept { return is_overflowed_; }
    /// False while the socket is full or something is yet to be written.
    [[nodiscard]] bool is_drained() const noexcept {
        return backlog_ == nullptr && turn_head_ == kNone;
    }

  protected:
    /// Called once at the end of a turn in which something was queued, and by the transport when
    /// the socket becomes writable. Must not call the hub: it flags what it finds and acts later.
    virtual void write_out() noexcept = 0;
    /// Publications passed the limits under SlowConsumerPolicy::close, or answers twice those
    /// limits under any policy. Same rule as write_out().
    virtual void on_overflow() noexcept = 0;

    void set_framing(const Framing& framing) noexcept { framing_ = &framing; }

    // For write_out().

    /// Up to out.size() pieces of what is due, in order. Returns how many were filled.
    [[nodiscard]] std::size_t gather(std::span<iovec> out) const noexcept;
    /// The first `bytes` bytes were taken by the socket.
    void consume(std::size_t bytes) noexcept;
    /// The socket is full: takes ownership of what is left of this turn.
    void keep_backlog() noexcept;
    /// Room for bytes without framing: what is not a message (a handshake, a control frame).
    [[nodiscard]] std::byte* begin_raw(std::size_t bytes);
    /// What is queued is still written; later sends are ignored.
    void finish_output() noexcept { is_finished_ = true; }
    /// Nothing more will be written. Later sends are ignored.
    void discard_output() noexcept;
    /// Gives up what is queued, but for a piece that may be half in the socket.
    void drop_backlog() noexcept;

  private:
    friend class Hub;
    friend class Lane;
    friend class Session;

    static constexpr std::uint32_t kNone = 0xffff'ffff;
    struct Backlog;

    void push(const FrameSlice& slice, bool is_droppable) noexcept;
    void overflow() noexcept;
    [[nodiscard]] std::byte* begin_with(const Framing& framing, std::size_t bytes,
                                        MessageKind kind);

    Lane* lane_;
    const Framing* framing_;
    std::unique_ptr<Backlog> backlog_;
    Session* session_ = nullptr;
    std::uint32_t turn_head_ = kNone;
    std::uint32_t turn_tail_ = kNone;
    std::uint32_t turn_reply_bytes_ = 0;
    bool is_touched_ = false;
    bool is_finished_ = false;
    bool is_overflowed_ = false;  ///< gets no more publications; about to be closed
};

}  // namespace pulse::core
