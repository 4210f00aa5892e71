// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A sum that several things have their shares of.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace pulse::rooms {

using Total = std::shared_ptr<std::atomic<std::size_t>>;

/// What one of them adds to the sum, for as long as it lives. Keeps the sum alive: it may outlive
/// whoever made that.
class Share {
  public:
    explicit Share(Total total) noexcept : total_(std::move(total)) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { (void)set(0); }

    /// Adds `mine` from now on, in place of what it was. Returns the sum.
    [[nodiscard]] std::size_t set(std::size_t mine) noexcept {
        // Modulo 2^n, so that it may become less.
        const std::size_t change = mine - std::exchange(mine_, mine);
        return total_->fetch_add(change, std::memory_order_relaxed) + change;
    }

  private:
    const Total total_;
    std::size_t mine_ = 0;
};

}  // namespace pulse::rooms
