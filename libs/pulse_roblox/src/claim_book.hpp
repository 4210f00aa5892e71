// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "crypto.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include <pulse/core/clock.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/protocol/base64.hpp>

namespace pulse::roblox {

/// Items that are fetched over HTTP, by an unguessable token, for a minute and as often as asked:
/// every game server of the universe comes for the same one. One book per universe.
/// **Loop-bound.**
class ClaimBook {
  public:
    static constexpr std::chrono::seconds kKeepFor{60};

    explicit ClaimBook(std::size_t max_bytes = std::size_t{16} << 20) : max_bytes_(max_bytes) {}

    /// Empty when there is no room.
    [[nodiscard]] std::string put(std::string item, core::Rng& rng, core::MonotonicTime now) {
        expire(now);
        if (bytes_ + item.size() > max_bytes_) return {};
        std::string token =
            protocol::encode_base64(crypto::random_bytes(rng, 18), protocol::Base64::url);
        bytes_ += item.size();
        by_age_.push_back({now + kKeepFor, token});
        items_[token] = std::move(item);
        return token;
    }
    /// Null when it is not there (any more).
    [[nodiscard]] const std::string* find(std::string_view token, core::MonotonicTime now) {
        expire(now);
        const auto found = items_.find(token);
        return found == items_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] std::size_t byte_count() const noexcept { return bytes_; }

  private:
    struct Age {
        core::MonotonicTime expires_at{};
        std::string token;
    };
    void expire(core::MonotonicTime now) {
        while (!by_age_.empty() && by_age_.front().expires_at <= now) {
            const auto found = items_.find(by_age_.front().token);
            bytes_ -= found->second.size();
            items_.erase(found);
            by_age_.pop_front();
        }
    }

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::map<std::string, std::string, std::less<>> items_;
    std::deque<Age> by_age_;
};

}  // namespace pulse::roblox
