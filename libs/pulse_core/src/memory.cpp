// SPDX-License-Identifier: MIT OR Apache-2.0
#include <new>

#include <pulse/core/memory.hpp>

namespace pulse::core {

static_assert(sizeof(Chunk) % alignof(std::max_align_t) == 0);

ChunkRef ChunkRef::allocate(std::size_t capacity, MemoryBudget* budget) {
    ChunkRef ref;
    const std::size_t bytes = sizeof(Chunk) + capacity;
    if (budget != nullptr && !budget->try_reserve(bytes)) return ref;
    void* memory = ::operator new(bytes, std::nothrow);
    if (memory == nullptr) {
        if (budget != nullptr) budget->release(bytes);
        return ref;
    }
    ref.chunk_ = new (memory) Chunk(static_cast<std::uint32_t>(capacity), budget);
    return ref;
}

void ChunkRef::destroy(Chunk* chunk) noexcept {
    MemoryBudget* budget = chunk->budget_;
    const std::size_t bytes = sizeof(Chunk) + chunk->capacity_;
    chunk->~Chunk();
    ::operator delete(chunk);
    if (budget != nullptr) budget->release(bytes);
}

namespace {

constexpr std::size_t class_bytes(std::size_t index) { return ChunkPool::kSmallest << (2 * index); }

}  // namespace

ChunkRef ChunkPool::take(std::size_t bytes) {
    for (std::size_t i = 0; i < kClasses; ++i) {
        if (bytes > class_bytes(i)) continue;
        if (!free_[i].empty()) {
            ChunkRef chunk = std::move(free_[i].back());
            free_[i].pop_back();
            return chunk;
        }
        return ChunkRef::allocate(class_bytes(i), budget_);
    }
    return ChunkRef::allocate(bytes, budget_);
}

void ChunkPool::recycle(ChunkRef chunk) {
    if (!chunk || !chunk->is_unique()) return;
    for (std::size_t i = 0; i < kClasses; ++i) {
        if (chunk->capacity() != class_bytes(i)) continue;
        if (free_[i].size() < kKeptBytesPerClass / class_bytes(i)) {
            free_[i].push_back(std::move(chunk));
        }
        return;
    }
}

void ChunkPool::clear() noexcept {
    for (auto& list : free_) list.clear();
}

}  // namespace pulse::core
