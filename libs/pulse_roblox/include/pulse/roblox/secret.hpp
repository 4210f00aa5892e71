// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <pulse/core/rng.hpp>

namespace pulse::roblox {

/// Bytes that must not stay behind in memory: wiped when overwritten, moved from or destroyed,
/// never copied, never printed. **Loop-bound.**
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string_view bytes) : bytes_(bytes) {}
    /// Takes over `bytes` and wipes what is left of it.
    static Secret adopt(std::string& bytes);

    // Copies: a moved short string would leave its bytes in place.
    // NOLINTNEXTLINE(performance-move-constructor-init)
    Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { wipe(); }

    [[nodiscard]] std::string_view view() const noexcept { return bytes_; }
    [[nodiscard]] bool is_empty() const noexcept { return bytes_.empty(); }

  private:
    void wipe() noexcept;

    std::string bytes_;
};

/// 256 random bits in base64url: what tokens, tickets and sessions are known by, and keys.
[[nodiscard]] std::string make_secret(core::Rng& rng);

/// Whether two texts are the same, in a time that depends on neither: both are hashed (SHA-256)
/// first, so that not even the length of the secret one shows.
[[nodiscard]] bool equals_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace pulse::roblox
