// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames out of a byte stream that arrives in pieces of any size.
//
//   decoder.feed(bytes);
//   for (;;) switch (decoder.next(frame)) {
//       case DecodeStatus::frame:     handle(frame); continue;
//       case DecodeStatus::malformed: answer(decoder.error()); continue;  // the stream is in step
//       case DecodeStatus::need_more: return;                             // `bytes` may go now
//       case DecodeStatus::too_large: close(); return;
//   }
//
// While nothing is buffered, frames are views into what was fed. A frame that began in an earlier
// piece is completed in the decoder's own buffer, to which only the bytes it lacks are copied; the
// frames behind it are views again. The buffer grows with the bytes that have arrived, never with a
// length that was merely announced, and is freed as soon as it is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>

namespace pulse::protocol {

struct IntegerPayload;

/// Streaming decoder, one per connection. **Loop-bound.** Movable; small, since every idle
/// connection owns one. Nothing throws but std::bad_alloc.
class FrameDecoder {
  public:
    /// `max_frame_bytes` bounds the body; values above kMaxFrameBytes are lowered to it.
    explicit FrameDecoder(std::size_t max_frame_bytes = kMaxFrameBytes) noexcept;
    FrameDecoder(FrameDecoder&& other) noexcept;
    FrameDecoder& operator=(FrameDecoder&& other) noexcept;
    ~FrameDecoder();

    /// Hands over the next piece of the stream. Borrowed until next() returns need_more or
    /// too_large, or until release_input(). Input not yet read from an earlier feed() is kept.
    void feed(ByteView bytes);

    /// The next frame. `frame` is overwritten; it means something for DecodeStatus::frame, and its
    /// views hold until the next call to next(), feed() or release_input().
    ///
    /// malformed: the bad frame is consumed, call again. too_large: final; further input is
    /// ignored.
    [[nodiscard]] DecodeStatus next(FrameView& frame);

    /// Copies what has not been read yet into the decoder, so that the fed bytes may go although
    /// next() has not asked for more. For a reader that pauses in the middle of its input.
    void release_input();

    /// Whether next() may have something to hand over without another feed().
    [[nodiscard]] bool has_unread() const noexcept {
        return input_size_ != 0 || buffered_bytes() != 0;
    }

    /// Why the last next() returned malformed or too_large; Error::none otherwise.
    [[nodiscard]] Error error() const noexcept { return error_; }
    /// The field error() is about, if about one.
    [[nodiscard]] Field error_field() const noexcept { return field_; }

    /// Bytes waiting in the decoder's own buffer for the rest of their frame. 0 means that an idle
    /// connection holds no memory here.
    [[nodiscard]] std::size_t buffered_bytes() const noexcept;

  private:
    struct Buffer;

    [[nodiscard]] DecodeStatus next_buffered(FrameView& frame);
    [[nodiscard]] DecodeStatus decode_whole(ByteView body, FrameView& frame,
                                            IntegerPayload& integers) noexcept;
    [[nodiscard]] bool complete(std::size_t size);
    [[nodiscard]] DecodeStatus need_more();
    [[nodiscard]] DecodeStatus refuse_all() noexcept;
    void stash(std::size_t size);

    const std::byte* input_ = nullptr;
    std::size_t input_size_ = 0;
    std::unique_ptr<Buffer> buffer_;  ///< null unless a frame is in pieces
    std::uint32_t max_frame_bytes_;
    Error error_ = Error::none;
    Field field_ = Field::none;
};

static_assert(sizeof(FrameDecoder) <= 48);

}  // namespace pulse::protocol
