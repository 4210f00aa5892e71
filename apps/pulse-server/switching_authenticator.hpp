// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <pulse/core/authenticator.hpp>

namespace pulse::server {

/// Passes on to an authenticator that a reload can replace; requests under way stay with the one
/// they were made to. **Thread-safe.**
class SwitchingAuthenticator final : public core::Authenticator {
  public:
    explicit SwitchingAuthenticator(std::unique_ptr<core::Authenticator> first)
        : current_(std::move(first)) {}

    void replace(std::unique_ptr<core::Authenticator> next) {
        std::shared_ptr<core::Authenticator> shared = std::move(next);
        const std::lock_guard lock(mutex_);
        current_.swap(shared);
    }

    void authenticate(const core::Credentials& credentials, Done done) override {
        const auto now = current();
        // The engine may answer after it was replaced: it lives until then.
        now->authenticate(credentials,
                          [now, done = std::move(done)](core::Result<core::Identity> result) {
                              done(std::move(result));
                          });
    }
    [[nodiscard]] bool is_required() const noexcept override { return current()->is_required(); }
    [[nodiscard]] core::Identity anonymous() const override { return current()->anonymous(); }

  private:
    [[nodiscard]] std::shared_ptr<core::Authenticator> current() const {
        const std::lock_guard lock(mutex_);
        return current_;
    }

    mutable std::mutex mutex_;
    std::shared_ptr<core::Authenticator> current_;
};

}  // namespace pulse::server
