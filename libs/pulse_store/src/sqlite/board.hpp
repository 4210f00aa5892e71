// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What callers and the two threads know of the store: whether it works, and its figures.
#pragma once

#include "figures.hpp"
#include "sqlite/fault.hpp"
#include "sqlite/reader.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <pulse/core/document_store.hpp>

namespace pulse::store::sqlite {

/// **Thread-safe.**
class Board {
  public:
    [[nodiscard]] core::StoreStatus status() const {
        const std::lock_guard lock(mutex_);
        return status_;
    }
    /// By the writing thread alone.
    void set_status(core::StoreStatus status) {
        const std::lock_guard lock(mutex_);
        status_ = std::move(status);
    }

    /// The writing thread has opened the file, and this is for the reading thread to read it with.
    /// Null: it has closed the file.
    void hand_over(std::unique_ptr<Reader> reader) {
        const std::lock_guard lock(mutex_);
        reader_.swap(reader);
        ++handed_over_;
    }
    /// Takes what was handed over since the last call with the same `seen`, which begins at 0;
    /// otherwise leaves `reader` as it is.
    void take_over(std::uint64_t& seen, std::unique_ptr<Reader>& reader) {
        std::unique_ptr<Reader> former;  // closes its file after the lock is given up
        const std::lock_guard lock(mutex_);
        if (std::exchange(seen, handed_over_) == handed_over_) return;
        former = std::exchange(reader, std::move(reader_));
    }

    /// The reading thread has met something that makes the file doubtful.
    void suspect(Fault fault) {
        const std::lock_guard lock(mutex_);
        suspicion_ = std::move(fault);
    }
    [[nodiscard]] std::optional<Fault> take_suspicion() {
        const std::lock_guard lock(mutex_);
        return std::exchange(suspicion_, std::nullopt);
    }

    Figures figures;

  private:
    mutable std::mutex mutex_;
    core::StoreStatus status_;
    std::optional<Fault> suspicion_;
    std::unique_ptr<Reader> reader_;
    std::uint64_t handed_over_ = 0;
};

}  // namespace pulse::store::sqlite
