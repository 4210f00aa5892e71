// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "sqlite/board.hpp"
#include "sqlite/intake.hpp"
#include "sqlite/reader.hpp"

#include <memory>
#include <span>
#include <variant>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::store::sqlite {

/// What the reading thread does. Everything it is given outlives it.
class ReaderLoop {
  public:
    ReaderLoop(const core::Clock& clock, Intake& intake, Board& board)
        : clock_(clock), intake_(intake), board_(board) {}

    /// Until the intake is closed and everything answered; the file is closed then.
    void run();

  private:
    using GetResult = core::Result<std::optional<core::Document>>;
    using ScanResult = core::Result<core::DocumentPage>;
    using Answer = std::variant<GetResult, ScanResult>;

    void serve(std::span<ReadWork> work);
    [[nodiscard]] std::error_code why_closed() const;
    /// Reads for some of the work, from its beginning, and at least one; fills `answers`.
    void read(std::span<ReadWork> work);
    [[nodiscard]] Answer read_one(const ReadWork& work, std::uint64_t now, std::size_t& bytes);
    [[nodiscard]] std::error_code report(const Fault& fault);
    void answer(ReadWork& work, Answer answer) noexcept;

    const core::Clock& clock_;
    Intake& intake_;
    Board& board_;
    std::unique_ptr<Reader> reader_;  ///< null: the file is closed
    std::uint64_t seen_ = 0;
    std::vector<Answer> answers_;
};

}  // namespace pulse::store::sqlite
