// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shared immutable bytes, and the budget they count against.
//
// A Chunk is one allocation: a small header, then `capacity` bytes. Frames are appended to it one
// after another; bytes once written never change, so a reader that was handed a range through a
// lock or within one thread may read it while the owner appends behind it. That is what lets one
// buffer serve every subscriber of a channel on every loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pulse::core {

/// Counts bytes held for peers: queued output, partial input, presence. **Thread-safe.**
///
/// Input may take half of it at most: whoever holds messages back half-sent must not keep others
/// from being delivered to.
class MemoryBudget {
  public:
    /// `limit_bytes` 0 means without limit.
    explicit MemoryBudget(std::size_t limit_bytes = 0) noexcept : limit_(limit_bytes) {}
    MemoryBudget(const MemoryBudget&) = delete;
    MemoryBudget& operator=(const MemoryBudget&) = delete;

    /// False, and nothing counted, when the limit would be passed.
    [[nodiscard]] bool try_reserve(std::size_t bytes) noexcept {
        const std::size_t limit = limit_.load(std::memory_order_relaxed);
        const std::size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
        if (limit == 0 || before + bytes <= limit) return true;
        used_.fetch_sub(bytes, std::memory_order_relaxed);
        refusals_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    void release(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

    [[nodiscard]] bool try_reserve_input(std::size_t bytes) noexcept {
        const std::size_t limit = limit_.load(std::memory_order_relaxed);
        const std::size_t before = input_.fetch_add(bytes, std::memory_order_relaxed);
        if (limit != 0 && before + bytes > limit / 2) {
            refusals_.fetch_add(1, std::memory_order_relaxed);
        } else if (try_reserve(bytes)) {
            return true;
        }
        input_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }
    void release_input(std::size_t bytes) noexcept {
        input_.fetch_sub(bytes, std::memory_order_relaxed);
        release(bytes);
    }

    void set_limit(std::size_t bytes) noexcept { limit_.store(bytes, std::memory_order_relaxed); }
    [[nodiscard]] std::size_t limit() const noexcept {
        return limit_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t used() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t refusals() const noexcept {
        return refusals_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::size_t> used_{0};
    std::atomic<std::size_t> input_{0};  ///< of these
    std::atomic<std::size_t> limit_;
    std::atomic<std::uint64_t> refusals_{0};
};

class ChunkRef;

/// See the head of this file. Reached through ChunkRef. **Immutable** once written.
class Chunk {
  public:
    [[nodiscard]] std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    [[nodiscard]] const std::byte* data() const noexcept {
        return reinterpret_cast<const std::byte*>(this + 1);
    }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// True when the calling holder is the only one; then what was written may be overwritten.
    [[nodiscard]] bool is_unique() const noexcept {
        return refs_.load(std::memory_order_acquire) == 1;
    }

  private:
    friend class ChunkRef;
    Chunk(std::uint32_t capacity, MemoryBudget* budget) noexcept
        : refs_(1), capacity_(capacity), budget_(budget) {}

    std::atomic<std::uint32_t> refs_;
    std::uint32_t capacity_;
    MemoryBudget* budget_;
};

/// Shared ownership of a Chunk. A null ChunkRef is what an exhausted budget answers.
class ChunkRef {
  public:
    ChunkRef() noexcept = default;
    /// `budget` may be null; otherwise it must outlive the chunk. Null when the budget refuses.
    [[nodiscard]] static ChunkRef allocate(std::size_t capacity, MemoryBudget* budget);

    ChunkRef(const ChunkRef& other) noexcept : chunk_(other.chunk_) {
        if (chunk_ != nullptr) chunk_->refs_.fetch_add(1, std::memory_order_relaxed);
    }
    ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
    ChunkRef& operator=(ChunkRef other) noexcept {
        std::swap(chunk_, other.chunk_);
        return *this;
    }
    ~ChunkRef() { reset(); }

    void reset() noexcept {
        if (chunk_ != nullptr && chunk_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            destroy(chunk_);
        }
        chunk_ = nullptr;
    }

    /// A further owner of a chunk that the caller knows to be alive.
    [[nodiscard]] static ChunkRef share(Chunk& chunk) noexcept {
        chunk.refs_.fetch_add(1, std::memory_order_relaxed);
        ChunkRef ref;
        ref.chunk_ = &chunk;
        return ref;
    }

    [[nodiscard]] Chunk* get() const noexcept { return chunk_; }
    [[nodiscard]] Chunk* operator->() const noexcept { return chunk_; }
    [[nodiscard]] explicit operator bool() const noexcept { return chunk_ != nullptr; }

  private:
    static void destroy(Chunk* chunk) noexcept;
    Chunk* chunk_ = nullptr;
};

/// Keeps a few free chunks of each size class, so that a busy loop allocates nothing per batch.
/// **Loop-bound.**
class ChunkPool {
  public:
    static constexpr std::size_t kSmallest = std::size_t{4} * 1024;
    static constexpr std::size_t kClasses = 4;  // 4, 16, 64, 256 KiB
    static constexpr std::size_t kKeptBytesPerClass = std::size_t{1024} * 1024;

    explicit ChunkPool(MemoryBudget* budget) noexcept : budget_(budget) {}

    /// A chunk of at least `bytes`; larger requests than the largest class are made to measure.
    [[nodiscard]] ChunkRef take(std::size_t bytes);
    /// Takes the chunk back if no one else holds it, else lets go of it.
    void recycle(ChunkRef chunk);
    void clear() noexcept;

  private:
    MemoryBudget* budget_;
    std::vector<ChunkRef> free_[kClasses];
};

}  // namespace pulse::core
