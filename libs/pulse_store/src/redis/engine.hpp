// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the store's thread does: finds out whether the Redis can be used, sends what waits, answers
// it, and keeps house.
//
//             the link is up, scripts loaded,           a word that something is wrong with
//             a master, and our store is there          what is there, or the link breaks
//   closed ──────────────────────────────────► open ─────────────────────────────────────► closed
//                                              │  ▲
//               a write is refused (memory,    ▼  │  a write works
//               disk, too few replicas)     trouble   (reads go on; writes are tried)
#pragma once

#include "redis/board.hpp"
#include "redis/intake.hpp"
#include "redis/wire.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/core/log.hpp>
#include <pulse/redis/address.hpp>
#include <pulse/redis/link.hpp>
#include <pulse/redis/master_finder.hpp>
#include <pulse/store/redis_store.hpp>

namespace pulse::store::on_redis {

struct Fault {
    std::error_code error;
    std::string text;  ///< for operators; no key, no value, no address
};

/// **Loop-bound.** Everything it is given outlives it.
class Engine {
  public:
    Engine(asio::io_context& io, const redis::Location& location,
           const RedisDocumentStoreOptions& options, const RedisDocumentStoreServices& services,
           Intake& intake, Board& board);

    struct Events {
        std::function<void()> on_tried;  ///< the first attempt has ended, whatever came of it
        std::function<void()> on_end;    ///< the intake is closed, and everything answered
    };
    void start(Events events);
    /// The intake has something.
    void take_work();

  private:
    using Clock = std::chrono::steady_clock;
    using Moment = Clock::time_point;

    /// Batches on their way as one script.
    struct Group {
        std::vector<WriteWork> work;
        std::vector<core::Result<core::CommitResult>> results;
        std::optional<std::error_code> failure;  ///< of all of them
        Moment begin;
    };
    struct Script {
        const char* text;
        std::string sha;
    };

    // Opening: engine_opening.cpp
    void greet();
    void on_info(const redis::Reply& info);
    void open();
    void on_opened(const redis::Reply& reply);
    void note_opened(std::string id, std::string_view problem);
    void prove_replicas();
    void tell_durability();
    void on_link_down(std::string_view why);
    /// Neither reads nor writes work until it is opened again.
    void lose(Fault fault);
    /// Writes are refused; reads may go on.
    void note_trouble(Fault fault);
    void note_success();
    void retry_later();
    /// What an error of Redis means; loses the store where that is what it means.
    [[nodiscard]] std::error_code meet_error(std::string_view text, bool is_write);
    /// What a script says that did nothing: "gone", "format" ….
    [[nodiscard]] std::error_code meet_word(const redis::Reply& reply, bool is_write);
    void have_tried();

    // Working: engine.cpp
    void flush();
    void send_group();
    void on_committed(Group& group, const redis::Reply* reply);
    /// How many of them have what was written on the link so far.
    void ask_replicas(redis::Answer answer);
    [[nodiscard]] Fault lack_of_replicas(std::int64_t there) const;
    void on_replicated(Group& group, const redis::Reply* reply);
    /// Ends the trouble that there is, if this shows that it is over.
    void note_written(const Group& group);
    void finish(Group& group);
    void fail(Group& group, std::error_code error) { group.failure = error; }
    void send_gets();
    void on_got(std::vector<GetWork>& gets, const redis::Reply* reply);
    void send_scan();
    void on_scanned(ScanWork& scan, const redis::Reply* reply);
    void fail_waiting();
    void answer(WriteWork& work, core::Result<core::CommitResult> result);
    void answer(GetWork& work, core::Result<std::optional<core::Document>> result);
    void answer(ScanWork& work, core::Result<core::DocumentPage> result);
    void sweep(bool whoever_else);
    void on_swept(const redis::Reply* reply);
    void sweep_later();
    void check_end();

    asio::io_context& io_;
    const RedisDocumentStoreOptions& options_;
    const RedisDocumentStoreServices services_;
    Intake& intake_;
    Board& board_;
    const std::string address_;  ///< for logs
    const std::string node_;     ///< this store's name among those that share the documents
    const Keys keys_;
    Events events_;
    std::unique_ptr<redis::MasterFinder> finder_;  ///< null where the address is known
    std::unique_ptr<redis::Link> link_;
    asio::steady_timer retry_timer_;
    asio::steady_timer sweep_timer_;

    Script open_script_, commit_script_, scan_script_, sweep_script_;
    std::string run_;          ///< of the Redis that is connected
    std::string durable_run_;  ///< of the one whose durability was told
    std::string info_;         ///< what matters of it for that
    std::string fsync_;
    std::string session_;  ///< of what is sent from now on
    std::string id_;       ///< of the store, once it is known
    bool is_open_ = false;
    bool is_greeting_ = false;
    bool is_restarting_ = false;
    bool is_retry_due_ = false;
    std::optional<Fault> trouble_;
    std::chrono::milliseconds retry_after_{0};

    std::deque<WriteWork> writes_;
    std::deque<ReadWork> reads_;
    std::vector<ScanWork> parked_;  ///< wait for expired documents to be out of their way
    std::size_t groups_under_way_ = 0;
    std::size_t reads_under_way_ = 0;
    bool is_sweeping_ = false;
    bool has_ended_ = false;
};

}  // namespace pulse::store::on_redis
