// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store as its callers see it: checks what it is asked, queues it, and owns the thread.
#include "redis/board.hpp"
#include "redis/engine.hpp"
#include "redis/intake.hpp"
#include "thread.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <pulse/core/error.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/store/redis_store.hpp>

namespace pulse::store {

namespace {

using on_redis::Board;
using on_redis::Engine;
using on_redis::Intake;

/// What a Redis takes in one command, with room to spare.
RedisDocumentStoreOptions within_means(RedisDocumentStoreOptions options) {
    core::DocumentLimits& limits = options.limits;
    const auto cap = [](std::size_t& limit, std::size_t most) { limit = std::min(limit, most); };
    cap(limits.max_key_bytes, std::size_t{1} << 20U);
    cap(limits.max_value_bytes, std::size_t{128} << 20U);
    cap(limits.max_batch_bytes, std::size_t{256} << 20U);
    cap(limits.max_batch_operations, 100'000);
    cap(limits.max_page_documents, 100'000);
    cap(limits.max_page_bytes, std::size_t{128} << 20U);
    return options;
}

class RedisStore final : public core::DocumentStore {
  public:
    RedisStore(const redis::Location& location, RedisDocumentStoreOptions options,
               const RedisDocumentStoreServices& services)
        : options_(within_means(std::move(options))),
          services_(services),
          intake_(options_.limits, [this] { asio::post(io_, [this] { engine_->take_work(); }); }),
          engine_(std::make_unique<Engine>(io_, location, options_, services_, intake_, board_)) {
        std::promise<void> tried;
        std::future<void> first_attempt = tried.get_future();
        thread_ = start_thread("pulse-store", [this, &tried] { run(tried); });
        first_attempt.wait();
    }
    ~RedisStore() override {
        RedisStore::close({});
        thread_.join();
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

    [[nodiscard]] core::DocumentStoreStats stats() const override {
        core::DocumentStoreStats stats = board_.figures.snapshot();
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

    void run(std::promise<void>& tried) {
        auto guard = asio::make_work_guard(io_);
        engine_->start({[&tried] { tried.set_value(); }, [this] { io_.stop(); }});
        io_.run();
        std::vector<std::function<void()>> closing;
        {
            const std::lock_guard lock(closing_mutex_);
            has_ended_ = true;
            closing.swap(closing_);
        }
        for (const auto& done : closing) done();
    }

    const RedisDocumentStoreOptions options_;
    const RedisDocumentStoreServices services_;
    asio::io_context io_{1};
    Intake intake_;
    Board board_;
    std::unique_ptr<Engine> engine_;  ///< the thread's
    std::mutex closing_mutex_;
    std::vector<std::function<void()>> closing_;
    bool has_ended_ = false;
    std::thread thread_;
};

}  // namespace

bool is_redis_store_prefix(std::string_view prefix) noexcept {
    constexpr std::size_t kMaxBytes = 64;
    const auto is_fine = [](char c) { return c > ' ' && c < '\x7f' && c != '{' && c != '}'; };
    return !prefix.empty() && prefix.size() <= kMaxBytes &&
           std::all_of(prefix.begin(), prefix.end(), is_fine);
}

core::Result<std::unique_ptr<core::DocumentStore>> make_redis_document_store(
    const std::string& url, RedisDocumentStoreOptions options,
    const RedisDocumentStoreServices& services) {
    const auto location = redis::parse_location(url);
    if (!location) return tl::unexpected(location.error());
    if (!is_redis_store_prefix(options.prefix)) {
        return tl::unexpected(std::make_error_code(std::errc::invalid_argument));
    }
    return std::make_unique<RedisStore>(*location, std::move(options), services);
}

}  // namespace pulse::store
