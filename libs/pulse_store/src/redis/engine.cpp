// SPDX-License-Identifier: MIT OR Apache-2.0
#include "redis/engine.hpp"

#include "redis/scripts.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include <pulse/core/error.hpp>

namespace pulse::store::on_redis {

using core::Error;
using redis::Reply;

namespace {

/// Groups on their way: while one is done, the next is in Redis' socket. More would only be
/// smaller.
constexpr std::size_t kGroupsUnderWay = 2;
/// In one script, during which Redis does nothing else; a single batch may be larger.
constexpr std::size_t kOperationsAtOnce = 512;
constexpr std::size_t kBytesAtOnce = std::size_t{512} * 1024;

constexpr std::size_t kReadsUnderWay = 4;
/// In one command, whose answer lies in memory as a whole.
constexpr std::size_t kGetsAtOnce = 32;
/// Expired documents that a scan passes over; beyond that they are removed first.
constexpr std::size_t kScanPatience = 5'000;

constexpr std::size_t kSweptAtOnce = 300;
/// A node that removes what has expired does so alone until it was silent for so many intervals.
constexpr int kSweepsPerLease = 3;

[[nodiscard]] auto failure(std::error_code error) { return tl::unexpected(error); }

[[nodiscard]] bool puts_something(const core::DocumentBatch& batch) {
    using Kind = core::DocumentBatch::Kind;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].kind == Kind::put || batch[i].kind == Kind::add) return true;
    }
    return false;
}

[[nodiscard]] bool is_ok(const Reply& reply) { return reply.size() > 0 && reply[0].text() == "ok"; }

}  // namespace

// -------------------------------------------------------------------- writing

void Engine::take_work() {
    intake_.take(writes_, reads_);
    is_open_ ? flush() : fail_waiting();
    check_end();
}

void Engine::flush() {
    while (is_open_ && !writes_.empty() && groups_under_way_ < kGroupsUnderWay) send_group();
    while (is_open_ && !reads_.empty() && reads_under_way_ < kReadsUnderWay) {
        std::holds_alternative<GetWork>(reads_.front()) ? send_gets() : send_scan();
    }
}

void Engine::send_group() {
    const auto group = std::make_shared<Group>();
    std::size_t operations = 0;
    std::size_t bytes = 0;
    while (!writes_.empty()) {
        WriteWork& next = writes_.front();
        operations += next.batch.size();
        bytes += next.batch.bytes();
        const bool is_full = operations > kOperationsAtOnce || bytes > kBytesAtOnce;
        if (is_full && !group->work.empty()) break;
        group->work.push_back(std::move(next));
        writes_.pop_front();
    }
    Words words;
    words.add_script(commit_script_.sha,
                     {keys_.documents, keys_.order, keys_.expiries, keys_.state, keys_.session});
    words.add(id_);
    words.add(kFormat);
    words.add(run_);
    words.add(services_.clock.unix_ms());
    words.add(options_.max_documents);
    words.add(options_.max_bytes);
    words.add(session_);
    for (const WriteWork& work : group->work) append(work, words);
    group->begin = Clock::now();
    ++groups_under_way_;
    const bool must_wait = options_.replicas > 0;
    link_->send(words.all(), [this, group, must_wait](const Reply* reply) {
        on_committed(*group, reply);
        if (!must_wait) finish(*group);
    });
    if (!must_wait) return;
    ask_replicas([this, group](const Reply* reply) {
        on_replicated(*group, reply);
        finish(*group);
    });
}

void Engine::ask_replicas(redis::Answer answer) {
    const auto patience = std::min(options_.replicas_timeout, options_.answer_timeout / 2);
    Words words;
    words.add("WAIT");
    words.add(options_.replicas);
    words.add(std::max<std::int64_t>(patience.count(), 1));
    link_->send(words.all(), std::move(answer));
}

Fault Engine::lack_of_replicas(std::int64_t there) const {
    return {make_error_code(Error::store_unavailable),
            "only " + std::to_string(there) + " of " + std::to_string(options_.replicas) +
                " replicas have acknowledged a write in time"};
}

void Engine::on_committed(Group& group, const Reply* reply) {
    if (reply == nullptr) {
        is_open_ = false;  // the link says why in a moment
        return fail(group, make_error_code(Error::store_unavailable));
    }
    if (reply->is_error()) return fail(group, meet_error(reply->text(), true));
    if (!is_ok(*reply)) return fail(group, meet_word(*reply, true));
    if (reply->size() != group.work.size() + 2) {
        return fail(group, meet_error("an answer that is none", true));
    }
    board_.figures.stored_bytes.store(read_number((*reply)[1].text()));
    bool is_out_of_memory = false;
    for (std::size_t i = 0; i < group.work.size(); ++i) {
        auto verdict = read_verdict((*reply)[i + 2]);
        if (!verdict) {
            verdict = Verdict{failure(meet_error("an answer that is none", true)), false};
        }
        is_out_of_memory |= verdict->is_out_of_memory;
        group.results.push_back(std::move(verdict->result));
    }
    if (is_out_of_memory) {
        (void)meet_error("OOM", true);
    } else if (options_.replicas == 0) {
        note_written(group);
    }
}

void Engine::note_written(const Group& group) {
    if (!trouble_) return;
    const bool is_full = trouble_->error == Error::store_full;
    for (std::size_t i = 0; i < group.work.size(); ++i) {
        const auto& result = group.results[i];
        if (!result || result->version == 0) continue;
        // What makes room is no sign that there is some.
        if (!is_full || puts_something(group.work[i].batch)) return note_success();
    }
}

void Engine::on_replicated(Group& group, const Reply* reply) {
    if (group.failure) return;
    const auto has_written = [](const auto& result) { return result && result->version != 0; };
    if (std::none_of(group.results.begin(), group.results.end(), has_written)) return;
    if (reply == nullptr) {
        is_open_ = false;
        return fail(group, make_error_code(Error::store_unavailable));
    }
    if (reply->is_error()) return fail(group, meet_error(reply->text(), true));
    if (reply->integer() >= options_.replicas) return note_written(group);
    const Fault fault = lack_of_replicas(reply->integer());
    for (auto& result : group.results) {
        if (has_written(result)) result = failure(fault.error);
    }
    note_trouble(fault);
}

void Engine::finish(Group& group) {
    --groups_under_way_;
    if (!group.failure) {
        board_.figures.batches_per_commit.observe(group.work.size(), 1);
        board_.figures.commit_time.observe(
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - group.begin)
                    .count()),
            core::DocumentStoreStats::kCommitTimeFirst);
    }
    for (std::size_t i = 0; i < group.work.size(); ++i) {
        if (group.failure) {
            answer(group.work[i], failure(*group.failure));
        } else {
            answer(group.work[i], std::move(group.results[i]));
        }
    }
    group.work.clear();
    flush();
    check_end();
}

// -------------------------------------------------------------------- reading

void Engine::send_gets() {
    const auto gets = std::make_shared<std::vector<GetWork>>();
    while (!reads_.empty() && gets->size() < kGetsAtOnce) {
        auto* get = std::get_if<GetWork>(&reads_.front());
        if (get == nullptr) break;
        gets->push_back(std::move(*get));
        reads_.pop_front();
    }
    Words words;
    words.add("HMGET");
    words.add(keys_.documents);
    words.add("");  // the store's id
    for (const GetWork& get : *gets) words.add(get.key);
    ++reads_under_way_;
    link_->send(words.all(), [this, gets](const Reply* reply) {
        --reads_under_way_;
        on_got(*gets, reply);
        flush();
        check_end();
    });
}

void Engine::on_got(std::vector<GetWork>& gets, const Reply* reply) {
    std::optional<std::error_code> error;
    if (reply == nullptr) {
        is_open_ = false;
        error = make_error_code(Error::store_unavailable);
    } else if (reply->is_error()) {
        error = meet_error(reply->text(), false);
    } else if (reply->size() != gets.size() + 1) {
        error = meet_error("an answer that is none", false);
    } else if ((*reply)[0].text() != id_) {
        error = meet_word((*reply)[0], false);
    }
    const std::uint64_t now = services_.clock.unix_ms();
    for (std::size_t i = 0; i < gets.size(); ++i) {
        GetWork& get = gets[i];
        if (error) {
            answer(get, failure(*error));
            continue;
        }
        const Reply record = (*reply)[i + 1];
        std::optional<core::Document> document;
        if (!record.is_nil()) {
            document = read_record(get.key, record.text());
            if (!document) {
                answer(get, failure(make_error_code(Error::store_corrupt)));
                continue;
            }
            if (core::has_expired(document->expires_at_ms, now)) document.reset();
        }
        answer(get, std::move(document));
    }
}

void Engine::send_scan() {
    const auto scan = std::make_shared<ScanWork>(std::move(std::get<ScanWork>(reads_.front())));
    reads_.pop_front();
    const core::DocumentRange& range = scan->range;
    const std::string begin = range.begin.empty() ? "-" : "[" + range.begin;
    const std::string end = range.end ? "(" + *range.end : "+";
    Words words;
    words.add_script(scan_script_.sha, {keys_.documents, keys_.order});
    words.add(id_);
    words.add(services_.clock.unix_ms());
    words.add(begin);
    words.add(end);
    words.add(core::page_size(range, options_.limits));
    words.add(options_.limits.max_page_bytes);
    words.add(kScanPatience);
    ++reads_under_way_;
    link_->send(words.all(), [this, scan](const Reply* reply) {
        --reads_under_way_;
        on_scanned(*scan, reply);
        flush();
        check_end();
    });
}

void Engine::on_scanned(ScanWork& scan, const Reply* reply) {
    if (reply == nullptr) {
        is_open_ = false;
        return answer(scan, failure(make_error_code(Error::store_unavailable)));
    }
    if (reply->is_error()) return answer(scan, failure(meet_error(reply->text(), false)));
    if (reply->size() > 0 && (*reply)[0].text() == "expired") {
        parked_.push_back(std::move(scan));
        return sweep(true);
    }
    if (!is_ok(*reply)) return answer(scan, failure(meet_word(*reply, false)));
    auto page = read_page(*reply);
    if (!page) return answer(scan, failure(make_error_code(Error::store_corrupt)));
    answer(scan, std::move(*page));
}

// -------------------------------------------------------------------- answers

void Engine::answer(WriteWork& work, core::Result<core::CommitResult> result) {
    Figures& figures = board_.figures;
    figures.commits.add();
    if (!result) {
        const bool is_conflict = result.error() == Error::document_conflict;
        (is_conflict ? figures.conflicts : figures.failures).add();
    }
    intake_.answered(1, held_bytes(work));
    work.done(std::move(result));
}

void Engine::answer(GetWork& work, core::Result<std::optional<core::Document>> result) {
    board_.figures.gets.add();
    if (!result) board_.figures.failures.add();
    intake_.answered(1, work.key.size());
    work.done(std::move(result));
}

void Engine::answer(ScanWork& work, core::Result<core::DocumentPage> result) {
    board_.figures.scans.add();
    if (!result) board_.figures.failures.add();
    intake_.answered(1, work.range.begin.size() + (work.range.end ? work.range.end->size() : 0));
    work.done(std::move(result));
}

void Engine::fail_waiting() {
    const std::error_code error =
        trouble_ ? trouble_->error : make_error_code(Error::store_unavailable);
    auto writes = std::exchange(writes_, {});
    auto reads = std::exchange(reads_, {});
    auto parked = std::exchange(parked_, {});
    for (WriteWork& work : writes) answer(work, failure(error));
    for (ReadWork& work : reads) {
        std::visit([&](auto& one) { answer(one, failure(error)); }, work);
    }
    for (ScanWork& work : parked) answer(work, failure(error));
}

void Engine::check_end() {
    if (has_ended_ || intake_.waiting() > 0 || !intake_.is_closed()) return;
    has_ended_ = true;
    retry_timer_.cancel();
    sweep_timer_.cancel();
    // Not from within a call of the link's.
    asio::post(io_, [this] {
        link_->finish();
        events_.on_end();
    });
}

// --------------------------------------------------------------- housekeeping

void Engine::sweep_later() {
    sweep_timer_.expires_after(options_.sweep_interval);
    sweep_timer_.async_wait([this](const asio::error_code& error) {
        if (error || has_ended_) return;
        sweep(false);
        sweep_later();
    });
}

void Engine::sweep(bool whoever_else) {
    if (!is_open_ || is_sweeping_) return;
    is_sweeping_ = true;
    constexpr std::chrono::milliseconds kShortestLease{1'000};
    const auto lease = std::max(options_.sweep_interval * kSweepsPerLease, kShortestLease);
    Words words;
    words.add_script(sweep_script_.sha, {keys_.documents, keys_.order, keys_.expiries, keys_.state,
                                         keys_.sweeper, keys_.session});
    words.add(id_);
    words.add(services_.clock.unix_ms());
    words.add(kSweptAtOnce);
    words.add(node_);
    words.add(lease.count());
    words.add(whoever_else ? "1" : "0");
    words.add(kSessionLife.count());
    link_->send(words.all(), [this](const Reply* reply) {
        is_sweeping_ = false;
        on_swept(reply);
        check_end();
    });
}

void Engine::on_swept(const Reply* reply) {
    if (reply == nullptr) {
        is_open_ = false;
        return;
    }
    if (reply->is_error()) {
        (void)meet_error(reply->text(), true);
    } else if (!is_ok(*reply) || reply->size() != 3) {
        (void)meet_word(*reply, true);
    } else {
        board_.figures.stored_bytes.store(read_number((*reply)[1].text()));
        const std::uint64_t removed = read_number((*reply)[2].text());
        board_.figures.expired.add(removed);
        // Scans come before the rest: they ask again for it if they have to.
        for (ScanWork& scan : parked_) reads_.emplace_front(std::move(scan));
        parked_.clear();
        flush();
        if (removed == kSweptAtOnce) sweep(false);
        return;
    }
    // A scan that cannot be cleared the way for waits for nobody.
    auto parked = std::exchange(parked_, {});
    const auto error = trouble_ ? trouble_->error : make_error_code(Error::store_unavailable);
    for (ScanWork& scan : parked) answer(scan, failure(error));
}

}  // namespace pulse::store::on_redis
