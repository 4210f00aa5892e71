// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include <sys/mman.h>
#include <sys/random.h>

#include <pulse/core/rng.hpp>

namespace pulse::core {

namespace {

/// What getrandom gives in one piece, whatever signals arrive (getrandom(2), "Notes").
constexpr std::size_t kReadAhead = 256;

void read_kernel(std::span<std::byte> out) noexcept {
    while (!out.empty()) {
        const ssize_t n = ::getrandom(out.data(), out.size(), 0);
        if (n > 0) {
            out = out.subspan(static_cast<std::size_t>(n));
        } else if (n < 0 && errno != EINTR) {
            // No kernel randomness: whoever goes on would hand out ids that can be guessed.
            std::abort();
        }
    }
}

/// Lives in a mapping of its own that a fork leaves zeroed in the child: `left` is 0 there, so that
/// parent and child never hand out the same bytes.
struct ReadAhead {
    std::size_t left;  ///< unused bytes, at the end of `bytes`
    std::byte bytes[kReadAhead];
};

struct Unmap {
    void operator()(ReadAhead* mapping) const noexcept { ::munmap(mapping, sizeof *mapping); }
};

using ReadAheadPtr = std::unique_ptr<ReadAhead, Unmap>;

ReadAheadPtr map_read_ahead() {
    void* mapping = ::mmap(nullptr, sizeof(ReadAhead), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    // Advice: kernels before 4.14 refuse it, and then a fork without exec shares what is read
    // ahead.
    (void)::madvise(mapping, sizeof(ReadAhead), MADV_WIPEONFORK);
    (void)::madvise(mapping, sizeof(ReadAhead), MADV_DONTDUMP);
    return ReadAheadPtr(new (mapping) ReadAhead{});
}

}  // namespace

struct SystemRng::State {
    std::mutex mutex;
    ReadAheadPtr ahead = map_read_ahead();
};

SystemRng::SystemRng() : state_(new State) {}

SystemRng::~SystemRng() {
    ::explicit_bzero(state_->ahead->bytes, kReadAhead);
    delete state_;
}

void SystemRng::fill(std::span<std::byte> out) noexcept {
    if (out.size() >= kReadAhead) {
        read_kernel(out);
        return;
    }
    const std::lock_guard lock(state_->mutex);
    ReadAhead& ahead = *state_->ahead;
    while (!out.empty()) {
        if (ahead.left == 0) {
            read_kernel(ahead.bytes);
            ahead.left = kReadAhead;
        }
        const std::size_t n = std::min(out.size(), ahead.left);
        std::byte* from = ahead.bytes + (kReadAhead - ahead.left);
        std::memcpy(out.data(), from, n);
        ::explicit_bzero(from, n);
        ahead.left -= n;
        out = out.subspan(n);
    }
}

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), the
// words written least significant byte first, so that a seed means the same on every machine.
void SeededRng::fill(std::span<std::byte> out) noexcept {
    while (!out.empty()) {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
        const std::size_t n = std::min(out.size(), sizeof z);
        for (std::size_t i = 0; i < n; ++i) {
            out[i] = static_cast<std::byte>((z >> (8 * i)) & 0xff);
        }
        out = out.subspan(n);
    }
}

}  // namespace pulse::core
