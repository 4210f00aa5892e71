// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From a publication to bytes on the wire, once for everybody who understands the same bytes.
//
// Two parts make a wire form: the dialect's Encoder writes the message, the transport's Framing
// puts the header of its wire in front. All subscribers of a channel with the same (Encoder,
// Framing) pair share one encoded copy; hence nothing in it may depend on the receiver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <pulse/core/memory.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/publication.hpp>

namespace pulse::core {

/// What kind of message a transport that tells them apart (WebSocket) shall send.
enum class MessageKind : std::uint8_t { binary, text };

/// A transport's way of delimiting messages. **Immutable**, shared by all its connections.
class Framing {
  public:
    static constexpr std::size_t kMaxHeaderBytes = 16;

    explicit Framing(std::string_view trailer = {}) noexcept : trailer_(trailer) {}
    virtual ~Framing() = default;

    /// Writes the header of a message of `bytes` bytes; `out` has room for kMaxHeaderBytes. Returns
    /// the header's length.
    virtual std::size_t write_header(std::byte* out, std::size_t bytes,
                                     MessageKind kind) const noexcept = 0;
    /// Follows every message; a constant that outlives the object.
    [[nodiscard]] std::string_view trailer() const noexcept { return trailer_; }

  private:
    std::string_view trailer_;
};

/// Puts nothing around a message.
[[nodiscard]] const Framing& no_framing() noexcept;

/// A growing run of framed messages in chunks. The holder sees to it that chunks it moved on from
/// stay alive as long as somebody refers to them. Not thread-safe.
class FrameBuffer {
  public:
    /// The place of one framed message.
    struct Range {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::uint32_t message_bytes = 0;  ///< of these, without what Framing put around
        [[nodiscard]] std::uint32_t size() const noexcept { return end - begin; }
    };

    /// Room for one message, header written: the caller fills `bytes` bytes at the result. Null
    /// when the memory budget is exhausted. `pool` may be null. When the message did not fit behind
    /// the previous one, `retired` receives the chunk that was left.
    [[nodiscard]] std::byte* begin(const Framing& framing, std::size_t bytes, MessageKind kind,
                                   ChunkPool* pool, MemoryBudget* budget, ChunkRef* retired);

    [[nodiscard]] Range last() const noexcept { return {last_begin_, used_, last_bytes_}; }
    [[nodiscard]] const ChunkRef& chunk() const noexcept { return chunk_; }
    /// Hands the chunk over and starts empty.
    [[nodiscard]] ChunkRef release() noexcept {
        used_ = last_begin_ = last_bytes_ = 0;
        return std::move(chunk_);
    }

  private:
    ChunkRef chunk_;
    std::uint32_t used_ = 0;
    std::uint32_t last_begin_ = 0;
    std::uint32_t last_bytes_ = 0;
};

/// Where an Encoder puts its message: asks for room once, then fills it.
class MessageWriter {
  public:
    MessageWriter(FrameBuffer& buffer, const Framing& framing, ChunkPool* pool,
                  MemoryBudget* budget) noexcept
        : buffer_(buffer), framing_(framing), pool_(pool), budget_(budget) {}

    /// `bytes` bytes to fill, or null when memory is exhausted (then return false from encode).
    /// At most one message per writer.
    [[nodiscard]] std::byte* begin(std::size_t bytes, MessageKind kind) {
        return buffer_.begin(framing_, bytes, kind, pool_, budget_, &retired_);
    }
    [[nodiscard]] ChunkRef take_retired() noexcept { return std::move(retired_); }

  private:
    FrameBuffer& buffer_;
    const Framing& framing_;
    ChunkPool* pool_;
    MemoryBudget* budget_;
    ChunkRef retired_;
};

/// Publications before `position` may be missing. Borrowed for the length of a call.
struct GapEvent {
    std::string_view channel;
    StreamPosition position;  ///< epoch 0: the channel keeps no history
};

/// A dialect's way of writing what the hub delivers. **Immutable**, shared by all its
/// conversations.
///
/// All calls run under the channel's sequencer lock: they only write bytes, and call nothing of
/// the hub. They return false when the event has no form in this dialect or memory is exhausted;
/// the subscribers of this encoding then get nothing.
class Encoder {
  public:
    virtual ~Encoder() = default;
    [[nodiscard]] virtual bool encode(const PublicationView& publication,
                                      MessageWriter& out) const = 0;
    [[nodiscard]] virtual bool encode(const PresenceEvent&, MessageWriter&) const { return false; }
    [[nodiscard]] virtual bool encode(const GapEvent&, MessageWriter&) const { return false; }
};

}  // namespace pulse::core
