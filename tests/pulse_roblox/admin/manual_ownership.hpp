// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Gives and takes keys when a test says so.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <pulse/core/ownership.hpp>

namespace pulse::test {

/// Tells on the caller's thread. **Thread-safe.**
class ManualOwnership final : public core::Ownership {
  public:
    Claim claim(std::string key, Changed changed) override {
        const auto held = std::make_shared<Changed>(std::move(changed));
        const std::lock_guard lock(mutex_);
        claims_[key] = held;
        return held;
    }
    const std::string& node() const noexcept override { return node_; }

    void give(const std::string& key, std::uint64_t term) { tell(key, {node_, true, term}); }
    void take(const std::string& key) { tell(key, {}); }
    void give_to(const std::string& key, const std::string& node, std::uint64_t term) {
        tell(key, {node, false, term});
    }
    [[nodiscard]] bool is_claimed(const std::string& key) const {
        const std::lock_guard lock(mutex_);
        const auto found = claims_.find(key);
        return found != claims_.end() && !found->second.expired();
    }

  private:
    void tell(const std::string& key, const core::Owner& owner) {
        std::shared_ptr<Changed> held;
        {
            const std::lock_guard lock(mutex_);
            held = claims_[key].lock();
        }
        if (held) (*held)(owner);
    }

    const std::string node_ = "this";
    mutable std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Changed>> claims_;
};

}  // namespace pulse::test
