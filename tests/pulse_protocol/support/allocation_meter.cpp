// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Replaces the global allocation functions of the test program. Each block carries its size in
// front, so that giving it back can be counted too.

#include "allocation_meter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace pulse::protocol::test {
namespace {

struct Counts {
    bool is_on = false;
    std::size_t total = 0;
    std::size_t held = 0;
    std::size_t peak = 0;
    std::size_t calls = 0;
};

thread_local Counts counts;

constexpr std::size_t kHeader = alignof(std::max_align_t);

void* allocate(std::size_t size) {
    void* const block = std::malloc(size + kHeader);
    if (block == nullptr) throw std::bad_alloc();
    *static_cast<std::size_t*>(block) = size;
    if (counts.is_on) {
        counts.total += size;
        counts.held += size;
        counts.peak = std::max(counts.peak, counts.held);
        ++counts.calls;
    }
    return static_cast<char*>(block) + kHeader;
}

void release(void* pointer) noexcept {
    if (pointer == nullptr) return;
    void* const block = static_cast<char*>(pointer) - kHeader;
    const std::size_t size = *static_cast<std::size_t*>(block);
    if (counts.is_on) counts.held -= std::min(counts.held, size);
    std::free(block);
}

}  // namespace

AllocationMeter::AllocationMeter() noexcept { counts = Counts{.is_on = true}; }
AllocationMeter::~AllocationMeter() { counts.is_on = false; }
std::size_t AllocationMeter::total_bytes() const noexcept { return counts.total; }
std::size_t AllocationMeter::peak_bytes() const noexcept { return counts.peak; }
std::size_t AllocationMeter::held_bytes() const noexcept { return counts.held; }
std::size_t AllocationMeter::calls() const noexcept { return counts.calls; }

}  // namespace pulse::protocol::test

// The aligned forms are left to the library: nothing here is over-aligned.
void* operator new(std::size_t size) { return pulse::protocol::test::allocate(size); }
void* operator new[](std::size_t size) { return pulse::protocol::test::allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return pulse::protocol::test::allocate(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void* operator new[](std::size_t size, const std::nothrow_t& no) noexcept {
    return operator new(size, no);
}
void operator delete(void* pointer) noexcept { pulse::protocol::test::release(pointer); }
void operator delete[](void* pointer) noexcept { pulse::protocol::test::release(pointer); }
void operator delete(void* pointer, std::size_t) noexcept {
    pulse::protocol::test::release(pointer);
}
void operator delete[](void* pointer, std::size_t) noexcept {
    pulse::protocol::test::release(pointer);
}
