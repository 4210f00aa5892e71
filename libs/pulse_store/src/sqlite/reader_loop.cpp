// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/reader_loop.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::store::sqlite {

namespace {

/// Answered from one snapshot: few enough that the log may move on soon, and that what was read
/// fits into memory.
constexpr std::size_t kReadsAtOnce = 256;
constexpr std::size_t kBytesAtOnce = std::size_t{2} * 1024 * 1024;

}  // namespace

void ReaderLoop::run() {
    std::vector<ReadWork> work;
    while (intake_.take(work)) {
        board_.take_over(seen_, reader_);
        serve(work);
        work.clear();
    }
    reader_.reset();
}

void ReaderLoop::serve(std::span<ReadWork> work) {
    while (!work.empty()) {
        answers_.clear();
        if (!reader_) {
            const std::error_code error = why_closed();
            for (const ReadWork& one : work) {
                if (std::holds_alternative<GetWork>(one)) {
                    answers_.emplace_back(GetResult(tl::unexpected(error)));
                } else {
                    answers_.emplace_back(ScanResult(tl::unexpected(error)));
                }
            }
        } else {
            read(work.first(std::min(work.size(), kReadsAtOnce)));
        }
        const std::size_t done = answers_.size();
        for (std::size_t i = 0; i < done; ++i) answer(work[i], std::move(answers_[i]));
        work = work.subspan(done);
        board_.take_over(seen_, reader_);
    }
}

std::error_code ReaderLoop::why_closed() const {
    // Between two attempts of the writing thread the status says why.
    const std::error_code error = board_.status().error;
    return error ? error : make_error_code(core::Error::store_unavailable);
}

void ReaderLoop::read(std::span<ReadWork> work) {
    try {
        std::optional<Reader::Snapshot> snapshot;
        if (work.size() > 1) snapshot.emplace(*reader_);
        const std::uint64_t now = clock_.unix_ms();
        std::size_t bytes = 0;
        for (const ReadWork& one : work) {
            answers_.push_back(read_one(one, now, bytes));
            if (bytes >= kBytesAtOnce) break;
        }
    } catch (...) {
        const std::error_code error = report(current_fault(reader_->handle()));
        // The one that failed has its answer; those behind it are tried again.
        if (std::holds_alternative<GetWork>(work[answers_.size()])) {
            answers_.emplace_back(GetResult(tl::unexpected(error)));
        } else {
            answers_.emplace_back(ScanResult(tl::unexpected(error)));
        }
    }
}

ReaderLoop::Answer ReaderLoop::read_one(const ReadWork& work, std::uint64_t now,
                                        std::size_t& bytes) {
    if (const auto* get = std::get_if<GetWork>(&work)) {
        auto document = reader_->get(get->key, now);
        if (document) bytes += document->value.size();
        return GetResult(std::move(document));
    }
    auto page = reader_->scan(std::get<ScanWork>(work).range, now);
    bytes += held_bytes(page);
    return ScanResult(std::move(page));
}

std::error_code ReaderLoop::report(const Fault& fault) {
    if (fault.remedy == Remedy::wait) return fault.error;
    // The writing thread decides: it closes the file, and opens it again when it can be trusted.
    reader_.reset();
    board_.suspect(fault);
    intake_.wake_writer();
    return fault.error;
}

void ReaderLoop::answer(ReadWork& work, Answer answer) noexcept {
    const bool is_fine = std::visit([](const auto& result) { return result.has_value(); }, answer);
    if (!is_fine) board_.figures.failures.add();
    intake_.answered(1, held_bytes(work));
    if (auto* get = std::get_if<GetWork>(&work)) {
        board_.figures.gets.add();
        get->done(std::move(std::get<GetResult>(answer)));
    } else {
        board_.figures.scans.add();
        std::get<ScanWork>(work).done(std::move(std::get<ScanResult>(answer)));
    }
}

}  // namespace pulse::store::sqlite
