// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store as its callers see it: checks what it is asked, queues it, and owns the two threads.
#include "sqlite/board.hpp"
#include "sqlite/intake.hpp"
#include "sqlite/reader_loop.hpp"
#include "sqlite/writer_loop.hpp"
#include "thread.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/store/sqlite_store.hpp>

namespace pulse::store {

namespace {

using core::DocumentStoreStats;
using sqlite::Board;
using sqlite::Intake;

/// Not changed by a later change of the working directory, and never one of SQLite's special names.
std::string absolute(const std::string& path) {
    std::error_code error;
    const std::filesystem::path result = std::filesystem::absolute(path, error);
    return error ? path : result.string();
}

/// SQLite holds rows of up to a billion bytes, and counts in 31 bits.
SqliteOptions within_means(SqliteOptions options) {
    core::DocumentLimits& limits = options.limits;
    const auto cap = [](std::size_t& limit, std::size_t most) { limit = std::min(limit, most); };
    cap(limits.max_key_bytes, std::size_t{1} << 20U);
    cap(limits.max_value_bytes, std::size_t{512} << 20U);
    cap(limits.max_page_documents, 1'000'000);
    return options;
}

class SqliteStore final : public core::DocumentStore {
  public:
    SqliteStore(SqliteOptions options, const SqliteServices& services)
        : options_(within_means(std::move(options))),
          services_(services),
          path_(absolute(options_.path)),
          intake_(options_.limits) {
        std::promise<void> tried;
        std::future<void> first_attempt = tried.get_future();
        reading_ = start_thread("pulse-store-r", [this] { read(); });
        try {
            writing_ = start_thread("pulse-store-w", [this, &tried] { write(tried); });
        } catch (...) {
            intake_.close();
            reading_.join();
            throw;
        }
        first_attempt.wait();
    }
    ~SqliteStore() override {
        SqliteStore::close({});
        writing_.join();
    }

    void commit(core::DocumentBatch batch, CommitDone done) override {
        std::error_code error = core::check_batch(batch, options_.limits);
        WriteWork work{std::move(batch), std::move(done), services_.clock.unix_ms()};
        if (!error) error = intake_.push(work);
        if (!error) return;
        refuse(board_.figures.commits);
        work.done(tl::unexpected(error));
    }

    void get(std::string key, GetDone done) override {
        const std::error_code error = core::check_key(key, options_.limits);
        push_read(GetWork{std::move(key), std::move(done)}, error, board_.figures.gets);
    }

    void scan(core::DocumentRange range, ScanDone done) override {
        const std::error_code error = core::check_range(range, options_.limits);
        push_read(ScanWork{std::move(range), std::move(done)}, error, board_.figures.scans);
    }

    [[nodiscard]] core::StoreStatus status() const override {
        if (intake_.is_closed()) return {make_error_code(core::Error::shutting_down), "closed"};
        return board_.status();
    }

    [[nodiscard]] DocumentStoreStats stats() const override {
        DocumentStoreStats stats = board_.figures.snapshot();
        stats.waiting = intake_.waiting();
        stats.waiting_bytes = intake_.waiting_bytes();
        return stats;
    }

    [[nodiscard]] const core::DocumentLimits& limits() const noexcept override {
        return options_.limits;
    }

    void close(std::function<void()> done) override {
        std::function<void()> due;
        {
            const std::lock_guard lock(closing_mutex_);
            if (has_ended_) {
                due = std::move(done);
            } else if (done) {
                closing_.push_back(std::move(done));
            }
        }
        intake_.close();
        if (due) due();
    }

  private:
    void refuse(core::Counter& operations) {
        operations.add();
        board_.figures.refusals.add();
    }

    template <typename Work>
    void push_read(Work asked, std::error_code error, core::Counter& operations) {
        ReadWork work(std::move(asked));
        if (!error) error = intake_.push(work);
        if (!error) return;
        refuse(operations);
        std::get<Work>(work).done(tl::unexpected(error));
    }

    void read() { sqlite::ReaderLoop(services_.clock, intake_, board_).run(); }

    void write(std::promise<void>& tried) {
        sqlite::WriterLoop loop(options_, path_, services_, intake_, board_);
        loop.open();
        tried.set_value();
        loop.run();
        // The reading thread first, so that the writing one is the last to close the file.
        reading_.join();
        loop.finish();
        std::vector<std::function<void()>> closing;
        {
            const std::lock_guard lock(closing_mutex_);
            has_ended_ = true;
            closing.swap(closing_);
        }
        for (const auto& done : closing) done();
    }

    const SqliteOptions options_;
    const SqliteServices services_;
    const std::string path_;
    Intake intake_;
    Board board_;
    std::mutex closing_mutex_;
    std::vector<std::function<void()>> closing_;
    bool has_ended_ = false;
    std::thread reading_;
    std::thread writing_;
};

}  // namespace

std::unique_ptr<core::DocumentStore> make_sqlite_store(SqliteOptions options,
                                                       const SqliteServices& services) {
    return std::make_unique<SqliteStore>(std::move(options), services);
}

}  // namespace pulse::store
