// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "figures.hpp"

#include <mutex>
#include <utility>

#include <pulse/core/document_store.hpp>

namespace pulse::store::on_redis {

/// What callers know of the store: whether it works, and its figures. **Thread-safe.**
class Board {
  public:
    [[nodiscard]] core::StoreStatus status() const {
        const std::lock_guard lock(mutex_);
        return status_;
    }
    void set_status(core::StoreStatus status) {
        const std::lock_guard lock(mutex_);
        status_ = std::move(status);
    }

    Figures figures;

  private:
    mutable std::mutex mutex_;
    core::StoreStatus status_;
};

}  // namespace pulse::store::on_redis
