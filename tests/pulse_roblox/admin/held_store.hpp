// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/document_store.hpp>

namespace pulse::test {

/// A store whose commits wait, or fail, when a test wants it. For one thread.
class HeldStore final : public core::DocumentStore {
  public:
    explicit HeldStore(std::unique_ptr<core::DocumentStore> inner) : inner_(std::move(inner)) {}

    void hold() { is_holding_ = true; }
    /// Does what waits, in its order.
    void release() {
        is_holding_ = false;
        for (const auto& work : std::exchange(held_, {})) work();
    }
    /// No error: works again.
    void fail_with(std::error_code error) { error_ = error; }

    void commit(core::DocumentBatch batch, CommitDone done) override {
        if (error_) return done(tl::unexpected{error_});
        if (!is_holding_) return inner_->commit(std::move(batch), std::move(done));
        held_.push_back([this, batch = std::move(batch), done = std::move(done)] {
            inner_->commit(batch, done);
        });
    }
    void get(std::string key, GetDone done) override {
        inner_->get(std::move(key), std::move(done));
    }
    void scan(core::DocumentRange range, ScanDone done) override {
        inner_->scan(std::move(range), std::move(done));
    }
    [[nodiscard]] core::StoreStatus status() const override { return inner_->status(); }
    [[nodiscard]] core::DocumentStoreStats stats() const override { return inner_->stats(); }
    [[nodiscard]] const core::DocumentLimits& limits() const noexcept override {
        return inner_->limits();
    }
    void close(std::function<void()> done) override { inner_->close(std::move(done)); }

  private:
    std::unique_ptr<core::DocumentStore> inner_;
    std::vector<std::function<void()>> held_;
    std::error_code error_;
    bool is_holding_ = false;
};

}  // namespace pulse::test
