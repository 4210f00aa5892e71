// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the writing thread does: opens the file, commits what waits, keeps house, and when the file
// fails, finds out when it can be used again.
//
//            open_file works                 a fault that waiting or
//   closed ───────────────────► open ──────► opening anew may mend ────► closed, tries again later
//                               │  ▲
//        deleted or replaced    ▼  │ the same file is back
//                             displaced      (still open, and read: it has what was acknowledged)
#pragma once

#include "sqlite/board.hpp"
#include "sqlite/intake.hpp"
#include "sqlite/opening.hpp"
#include "sqlite/writer.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/log.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace pulse::store::sqlite {

/// Everything it is given outlives it.
class WriterLoop {
  public:
    WriterLoop(const SqliteOptions& options, const std::string& path,
               const SqliteServices& services, Intake& intake, Board& board)
        : options_(options), path_(path), services_(services), intake_(intake), board_(board) {}

    /// The first attempt to open the file.
    void open() { try_to_open(Clock::now()); }
    /// Until the intake is closed and everything answered.
    void run();
    /// After the reading thread has closed the file: the last to close it writes everything into
    /// the database file. Gives the lock up.
    void finish();

  private:
    using Clock = std::chrono::steady_clock;
    using Moment = Clock::time_point;

    [[nodiscard]] std::optional<Moment> next_wake() const;
    void process(std::span<WriteWork> work);
    void commit(std::span<WriteWork> group);
    void refuse(std::span<WriteWork> group, std::error_code error);
    void answer(WriteWork& work, Outcome outcome) noexcept;
    void keep_house(Moment now);
    void recover(Moment now);
    void try_to_open(Moment now);
    /// What follows from a fault: nothing more than a status, closing, or holding on.
    void meet(const Fault& fault, Moment now);
    void note_success();
    void close_file();
    void announce(const Fault& fault);

    const SqliteOptions& options_;
    const std::string& path_;
    const SqliteServices& services_;
    Intake& intake_;
    Board& board_;

    std::optional<FileLock> lock_;
    std::unique_ptr<Writer> writer_;  ///< null: closed
    OpeningRules rules_;
    bool must_reopen_ = false;      ///< when the file is back that somebody took away
    std::optional<Fault> trouble_;  ///< why the status is not good
    Moment retry_at_{};
    std::chrono::milliseconds retry_after_{0};
    Moment sweep_at_{};
    std::optional<Moment> unsynced_since_;
    std::vector<Outcome> outcomes_;
};

}  // namespace pulse::store::sqlite
