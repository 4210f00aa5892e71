// SPDX-License-Identifier: MIT OR Apache-2.0

#include "decode_body.hpp"
#include "wire.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <pulse/protocol/frame_decoder.hpp>

namespace pulse::protocol {

/// Bytes that no longer can be borrowed. `begin` is where the unread ones start. When all are read
/// the last frame may still point into it: it goes with the next call.
struct FrameDecoder::Buffer {
    std::vector<std::byte> bytes;
    std::size_t begin = 0;

    [[nodiscard]] std::size_t unread() const noexcept { return bytes.size() - begin; }
    [[nodiscard]] const std::byte* data() const noexcept { return bytes.data() + begin; }

    /// Lets go of read bytes first, once they are the larger part: each byte moves once on average.
    /// insert() grows the vector geometrically. So what is held stays within a small multiple of
    /// what has arrived and is not read.
    void append(const std::byte* from, std::size_t size) {
        if (begin != 0 && begin >= unread()) {
            bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
            begin = 0;
        }
        bytes.insert(bytes.end(), from, from + size);
    }
};

FrameDecoder::FrameDecoder(std::size_t max_frame_bytes) noexcept
    : max_frame_bytes_(static_cast<std::uint32_t>(std::min(max_frame_bytes, kMaxFrameBytes))) {}

FrameDecoder::FrameDecoder(FrameDecoder&& other) noexcept
    : input_(std::exchange(other.input_, nullptr)),
      input_size_(std::exchange(other.input_size_, 0)),
      buffer_(std::move(other.buffer_)),
      max_frame_bytes_(other.max_frame_bytes_),
      error_(std::exchange(other.error_, Error::none)),
      field_(std::exchange(other.field_, Field::none)) {}

FrameDecoder& FrameDecoder::operator=(FrameDecoder&& other) noexcept {
    FrameDecoder moved(std::move(other));
    std::swap(input_, moved.input_);
    std::swap(input_size_, moved.input_size_);
    std::swap(buffer_, moved.buffer_);
    std::swap(max_frame_bytes_, moved.max_frame_bytes_);
    std::swap(error_, moved.error_);
    std::swap(field_, moved.field_);
    return *this;
}

FrameDecoder::~FrameDecoder() = default;

void FrameDecoder::feed(ByteView bytes) {
    if (error_ == Error::frame_too_large) return;
    release_input();
    input_ = bytes.data();
    input_size_ = bytes.size();
}

void FrameDecoder::release_input() {
    if (buffer_ && buffer_->unread() == 0) buffer_.reset();
    stash(input_size_);
}

/// Moves the first `size` bytes of the input into the buffer.
void FrameDecoder::stash(std::size_t size) {
    if (size == 0) return;
    if (!buffer_) buffer_ = std::make_unique<Buffer>();
    buffer_->append(input_, size);
    input_ += size;
    input_size_ -= size;
}

DecodeStatus FrameDecoder::next(FrameView& frame) {
    if (error_ == Error::frame_too_large) return DecodeStatus::too_large;
    if (buffer_) {
        if (buffer_->unread() != 0) return next_buffered(frame);
        buffer_.reset();
    }
    if (input_size_ < kLengthPrefixBytes) return need_more();
    const std::size_t body_size = wire::load_be<std::uint32_t>(input_);
    if (body_size > max_frame_bytes_) return refuse_all();
    const std::size_t total = kLengthPrefixBytes + body_size;
    if (input_size_ < total) return need_more();
    const ByteView body{input_ + kLengthPrefixBytes, body_size};
    input_ += total;
    input_size_ -= total;
    IntegerPayload integers;
    const DecodeStatus status = decode_whole(body, frame, integers);
    if (integers.first != nullptr && status == DecodeStatus::frame) {
        buffer_ = std::make_unique<Buffer>();
        buffer_->bytes.resize(integers.count);
        buffer_->begin = integers.count;  // nothing to read: freed by the next call
        integers.unpack(buffer_->bytes.data());
        frame.payload = buffer_->bytes;
    }
    return status;
}

DecodeStatus FrameDecoder::next_buffered(FrameView& frame) {
    if (!complete(kLengthPrefixBytes)) return need_more();
    const std::size_t body_size = wire::load_be<std::uint32_t>(buffer_->data());
    if (body_size > max_frame_bytes_) return refuse_all();
    const std::size_t total = kLengthPrefixBytes + body_size;
    if (!complete(total)) return need_more();
    std::byte* const body = buffer_->bytes.data() + buffer_->begin + kLengthPrefixBytes;
    buffer_->begin += total;
    IntegerPayload integers;
    const DecodeStatus status = decode_whole({body, body_size}, frame, integers);
    if (integers.first != nullptr && status == DecodeStatus::frame) {
        std::byte* const start = body + (integers.first - body);
        integers.unpack(start);  // over the integers themselves: the bytes are ours
        frame.payload = {start, integers.count};
    }
    return status;
}

/// Whether the buffer holds `size` unread bytes, after taking those it lacks from the input.
bool FrameDecoder::complete(std::size_t size) {
    const std::size_t unread = buffer_->unread();
    if (unread < size) stash(std::min(size - unread, input_size_));
    return buffer_->unread() >= size;
}

DecodeStatus FrameDecoder::decode_whole(ByteView body, FrameView& frame,
                                        IntegerPayload& integers) noexcept {
    frame = FrameView{};
    const BodyStatus status = decode_body(body, frame, integers);
    error_ = status.error;
    field_ = status.field;
    return status.error == Error::none ? DecodeStatus::frame : DecodeStatus::malformed;
}

DecodeStatus FrameDecoder::need_more() {
    error_ = Error::none;
    field_ = Field::none;
    stash(input_size_);
    return DecodeStatus::need_more;
}

DecodeStatus FrameDecoder::refuse_all() noexcept {
    error_ = Error::frame_too_large;
    field_ = Field::none;
    buffer_.reset();
    input_ = nullptr;
    input_size_ = 0;
    return DecodeStatus::too_large;
}

std::size_t FrameDecoder::buffered_bytes() const noexcept {
    return buffer_ ? buffer_->unread() : 0;
}

}  // namespace pulse::protocol
