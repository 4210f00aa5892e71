// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/writer_loop.hpp"

#include <algorithm>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::store::sqlite {

namespace {

/// Batches in one transaction: more gain nothing, and the first of them waits for the last.
constexpr std::size_t kBatchesAtOnce = 4'096;
constexpr std::size_t kBytesAtOnce = std::size_t{8} * 1024 * 1024;

/// How long Durability::second leaves an answered batch to the system.
constexpr std::chrono::milliseconds kSyncInterval{1'000};
constexpr int kLongestRetryFactor = 30;

/// What lies about as one transaction, from the beginning of `work`.
std::span<WriteWork> first_group(std::span<WriteWork> work) {
    std::size_t n = 0;
    std::size_t bytes = 0;
    while (n < work.size() && n < kBatchesAtOnce && bytes < kBytesAtOnce) {
        bytes += held_bytes(work[n++]);
    }
    return work.first(n);
}

}  // namespace

void WriterLoop::run() {
    std::vector<WriteWork> work;
    while (intake_.take(work, next_wake())) {
        const Moment now = Clock::now();
        if (const auto suspicion = board_.take_suspicion()) {
            // A file that is not the store's any more is no fault of the one that is.
            const auto displacement = writer_ ? writer_->find_displacement() : std::nullopt;
            if (displacement) must_reopen_ = true;  // the reading thread has nothing to read with
            if (writer_) meet(displacement ? *displacement : *suspicion, now);
        }
        if (trouble_ && now >= retry_at_) recover(now);
        process(work);
        work.clear();
        keep_house(Clock::now());
    }
}

void WriterLoop::finish() {
    if (writer_ && unsynced_since_) {
        if (const auto fault = writer_->sync()) announce(*fault);
    }
    board_.hand_over(nullptr);  // which the reading thread may have ended without taking
    writer_.reset();
    lock_.reset();
}

std::optional<WriterLoop::Moment> WriterLoop::next_wake() const {
    std::optional<Moment> next;
    const auto consider = [&next](Moment moment) {
        next = std::min(next.value_or(moment), moment);
    };
    if (trouble_) consider(retry_at_);
    if (writer_ && writer_->next_expiry()) consider(sweep_at_);
    if (unsynced_since_) consider(*unsynced_since_ + kSyncInterval);
    return next;
}

void WriterLoop::process(std::span<WriteWork> work) {
    while (!work.empty()) {
        const std::span<WriteWork> group = first_group(work);
        const bool can_write = writer_ && !(trouble_ && trouble_->remedy == Remedy::restore);
        if (can_write) {
            commit(group);
        } else {
            refuse(group,
                   trouble_ ? trouble_->error : make_error_code(core::Error::store_unavailable));
        }
        work = work.subspan(group.size());
    }
}

void WriterLoop::commit(std::span<WriteWork> group) {
    const Moment begin = Clock::now();
    const auto written = writer_->commit(group, outcomes_);
    const Moment end = Clock::now();
    if (!written && written.error().error == core::Error::store_full && group.size() > 1) {
        // Too much for the disk as a whole, but not all of it may be: what removes always fits.
        for (WriteWork& work : group) process(std::span(&work, 1));
        return;
    }
    if (!written) {
        meet(written.error(), end);
        refuse(group, written.error().error);
        return;
    }
    if (*written > 0) {
        note_success();
        if (options_.durability == Durability::second && !unsynced_since_) unsynced_since_ = end;
    }
    board_.figures.batches_per_commit.observe(group.size(), 1);
    board_.figures.commit_time.observe(
        static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count()),
        core::DocumentStoreStats::kCommitTimeFirst);
    for (std::size_t i = 0; i < group.size(); ++i) answer(group[i], std::move(outcomes_[i]));
}

void WriterLoop::refuse(std::span<WriteWork> group, std::error_code error) {
    for (WriteWork& work : group) answer(work, tl::unexpected(error));
}

void WriterLoop::answer(WriteWork& work, Outcome outcome) noexcept {
    Figures& figures = board_.figures;
    figures.commits.add();
    if (!outcome) {
        const bool is_conflict = outcome.error() == core::Error::document_conflict;
        (is_conflict ? figures.conflicts : figures.failures).add();
    }
    intake_.answered(1, held_bytes(work));
    work.done(std::move(outcome));
}

void WriterLoop::keep_house(Moment now) {
    if (!writer_ || (trouble_ && trouble_->remedy == Remedy::restore)) return;
    board_.figures.stored_bytes.store(writer_->file_bytes());
    if (unsynced_since_ && now - *unsynced_since_ >= kSyncInterval) {
        unsynced_since_.reset();
        if (const auto fault = writer_->sync()) return meet(*fault, now);
    }
    if (writer_->next_expiry() && now >= sweep_at_) {
        sweep_at_ = now + options_.sweep_interval;
        const auto swept = writer_->sweep();
        if (!swept) return meet(swept.error(), now);
        board_.figures.expired.add(swept->documents);
        // The rest of many at once, but not before what came in meanwhile.
        if (!swept->is_all) sweep_at_ = now;
    }
    if (const auto fault = writer_->tidy_log()) meet(*fault, now);
}

void WriterLoop::recover(Moment now) {
    if (!writer_) return try_to_open(now);
    const auto fault =
        trouble_->remedy == Remedy::restore ? writer_->find_displacement() : writer_->prove();
    if (fault) return meet(*fault, now);
    if (must_reopen_) {
        close_file();
        return try_to_open(now);
    }
    note_success();
}

void WriterLoop::try_to_open(Moment now) {
    rules_.is_unwanted = [this] { return intake_.is_closed(); };
    auto file = open_file(options_, path_, rules_, lock_);
    if (!file) return meet(file.error(), now);
    const bool was_closed_well = file->was_closed_well;
    const bool was_checked = file->was_checked;
    std::unique_ptr<Reader> reader;
    try {
        writer_ = std::make_unique<Writer>(std::move(*file), options_, path_, services_.clock);
        // Here and not where it is used: both threads shall have the same file open, whatever
        // happens to its name later.
        reader = std::make_unique<Reader>(options_, path_);
    } catch (...) {
        writer_.reset();
        return meet(current_fault(nullptr), now);
    }
    rules_.known = writer_->identity();
    rules_.must_check = false;
    must_reopen_ = false;
    sweep_at_ = now;
    unsynced_since_.reset();
    board_.hand_over(std::move(reader));
    intake_.wake_reader();
    board_.figures.stored_bytes.store(writer_->file_bytes());
    services_.log.write(core::LogLevel::info, "store_opened",
                        {{"path", std::string_view(path_)},
                         {"was_closed_well", was_closed_well},
                         {"was_checked", was_checked}});
    note_success();
}

void WriterLoop::meet(const Fault& fault, Moment now) {
    const bool is_new = !trouble_ || trouble_->text != fault.text;
    if (is_new) announce(fault);
    const auto longest = options_.retry_interval * kLongestRetryFactor;
    // Writes that are tried meanwhile do not put the next attempt off.
    if (!trouble_ || now >= retry_at_) {
        retry_after_ = trouble_ ? std::min(retry_after_ * 2, longest) : options_.retry_interval;
        retry_at_ = now + retry_after_;
    }
    trouble_ = fault;
    board_.set_status({fault.error, fault.text});
    if (fault.remedy == Remedy::check) rules_.must_check = true;
    if (fault.remedy == Remedy::reopen || fault.remedy == Remedy::check) {
        close_file();
    }
}

void WriterLoop::close_file() {
    if (!writer_) return;
    board_.hand_over(nullptr);
    intake_.wake_reader();
    unsynced_since_.reset();
    writer_.reset();
}

void WriterLoop::note_success() {
    if (!trouble_) return;
    trouble_.reset();
    board_.set_status({});
    services_.log.write(core::LogLevel::info, "store_recovered",
                        {{"path", std::string_view(path_)}});
}

void WriterLoop::announce(const Fault& fault) {
    services_.log.write(
        core::LogLevel::error, "store_unavailable",
        {{"path", std::string_view(path_)}, {"reason", std::string_view(fault.text)}});
}

}  // namespace pulse::store::sqlite
