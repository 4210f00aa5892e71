// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <cstring>

#include <pulse/core/encoding.hpp>

namespace pulse::core {

namespace {

class NoFraming final : public Framing {
  public:
    std::size_t write_header(std::byte*, std::size_t, MessageKind) const noexcept override {
        return 0;
    }
};

}  // namespace

const Framing& no_framing() noexcept {
    static const NoFraming framing;
    return framing;
}

std::byte* FrameBuffer::begin(const Framing& framing, std::size_t bytes, MessageKind kind,
                              ChunkPool* pool, MemoryBudget* budget, ChunkRef* retired) {
    const std::string_view trailer = framing.trailer();
    const std::size_t need = Framing::kMaxHeaderBytes + bytes + trailer.size();
    if (!chunk_ || chunk_->capacity() - used_ < need) {
        // A batch that outgrew its chunk will do so again: the next one is four times as large, up
        // to the size at which lanes flush early anyway.
        const std::size_t wanted = chunk_
                                       ? std::min<std::size_t>(std::size_t{chunk_->capacity()} * 4,
                                                               std::size_t{256} * 1024)
                                       : 0;
        ChunkRef next =
            pool != nullptr
                ? pool->take(std::max(need, wanted))
                : ChunkRef::allocate(std::max({need, wanted, ChunkPool::kSmallest}), budget);
        if (!next) return nullptr;
        if (chunk_) *retired = std::move(chunk_);
        chunk_ = std::move(next);
        used_ = 0;
    }
    std::byte* out = chunk_->data() + used_;
    const std::size_t header = framing.write_header(out, bytes, kind);
    if (!trailer.empty()) std::memcpy(out + header + bytes, trailer.data(), trailer.size());
    last_begin_ = used_;
    last_bytes_ = static_cast<std::uint32_t>(bytes);
    used_ += static_cast<std::uint32_t>(header + bytes + trailer.size());
    return out + header;
}

}  // namespace pulse::core
