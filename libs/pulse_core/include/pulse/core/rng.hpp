// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Randomness comes from here: unguessable in the server, repeatable in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pulse::core {

/// Thread-safe.
class Rng {
  public:
    virtual ~Rng() = default;
    virtual void fill(std::span<std::byte> out) noexcept = 0;

    [[nodiscard]] std::uint64_t next_u64() noexcept {
        std::uint64_t value = 0;
        fill(std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
};

/// The kernel's generator (getrandom), read 256 bytes ahead per thread-safe instance, so that an id
/// costs no system call. Bytes handed out are wiped from the buffer.
class SystemRng final : public Rng {
  public:
    SystemRng();
    ~SystemRng() override;
    SystemRng(const SystemRng&) = delete;
    SystemRng& operator=(const SystemRng&) = delete;

    void fill(std::span<std::byte> out) noexcept override;

  private:
    struct State;
    State* state_;
};

/// Repeatable (SplitMix64) from a seed; for tests and simulations, never for ids that must not be
/// guessed. **Thread-safe** only in the sense that the caller keeps to one thread.
class SeededRng final : public Rng {
  public:
    explicit SeededRng(std::uint64_t seed) : state_(seed) {}
    void fill(std::span<std::byte> out) noexcept override;

  private:
    std::uint64_t state_;
};

}  // namespace pulse::core
