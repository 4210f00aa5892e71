// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a connection becomes a store, and what is made of errors.
#include "redis/engine.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/redis/redirection.hpp>

namespace pulse::store::on_redis {

using core::Error;
using redis::info_field;
using redis::Reply;

namespace {

constexpr int kLongestRetryFactor = 30;
/// Of what Redis says, for logs and /readyz.
constexpr std::size_t kMaxErrorBytes = 200;

constexpr std::string_view kGone =
    "the store's data is gone from Redis or was replaced: flushed, evicted, restarted without an "
    "append-only file, or another database; bring it back, or restart the servers to begin anew";

[[nodiscard]] std::string draw_name(core::Rng& rng) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<std::byte, 16> bytes;
    rng.fill(bytes);
    std::string name;
    for (const std::byte byte : bytes) {
        name += kDigits[std::to_integer<unsigned>(byte) >> 4U];
        name += kDigits[std::to_integer<unsigned>(byte) & 15U];
    }
    return name;
}

[[nodiscard]] bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

[[nodiscard]] Fault unavailable(std::string text) {
    return {make_error_code(Error::store_unavailable), std::move(text)};
}

}  // namespace

Engine::Engine(asio::io_context& io, const redis::Location& location,
               const RedisDocumentStoreOptions& options, const RedisDocumentStoreServices& services,
               Intake& intake, Board& board)
    : io_(io),
      options_(options),
      services_(services),
      intake_(intake),
      board_(board),
      address_(redis::to_string(location)),
      node_(draw_name(services.rng)),
      keys_(options.prefix, node_),
      retry_timer_(io),
      sweep_timer_(io),
      open_script_{kOpenScript, {}},
      commit_script_{kCommitScript, {}},
      scan_script_{kScanScript, {}},
      sweep_script_{kSweepScript, {}} {
    redis::LinkOptions link;
    link.answer_timeout = options.answer_timeout;
    finder_ = redis::set_destination(link, io, location, keys_.state, services.rng,
                                     [this](std::string_view why) { link_->restart(why); });
    link_ = std::make_unique<redis::Link>(
        io, link, services.rng,
        redis::LinkEvents{
            [this] { greet(); }, [this](bool, std::string_view why) { on_link_down(why); }, {}});
}

void Engine::start(Events events) {
    events_ = std::move(events);
    if (finder_ != nullptr) finder_->start();
    link_->start();
    sweep_later();
}

void Engine::have_tried() {
    if (events_.on_tried) std::exchange(events_.on_tried, {})();
}

// -------------------------------------------------------------------- opening

void Engine::greet() {
    if (is_greeting_) return;
    is_greeting_ = true;
    for (Script* script : {&open_script_, &commit_script_, &scan_script_, &sweep_script_}) {
        link_->send({"SCRIPT", "LOAD", script->text}, [script](const Reply* reply) {
            script->sha = reply == nullptr || reply->is_error() ? "" : reply->text();
        });
    }
    // Some hosts of Redis allow nobody to ask that.
    link_->send({"CONFIG", "GET", "appendfsync"}, [this](const Reply* reply) {
        fsync_ = reply != nullptr && reply->size() == 2 ? (*reply)[1].text() : "unknown";
    });
    link_->send({"INFO"}, [this](const Reply* reply) {
        if (reply == nullptr) {
            is_greeting_ = false;
            return;
        }
        if (reply->is_error()) {
            is_greeting_ = false;
            (void)meet_error(reply->text(), false);
            return;
        }
        on_info(*reply);
    });
}

void Engine::on_info(const Reply& info) {
    const std::string_view text = info.text();
    run_ = info_field(text, "run_id");
    info_.clear();
    for (const char* name : {"aof_enabled", "maxmemory", "maxmemory_policy"}) {
        info_.append(name).append(":").append(info_field(text, name)).append("\n");
    }
    const bool is_master = info_field(text, "role") == "master";
    const bool has_scripts = !open_script_.sha.empty() && !commit_script_.sha.empty() &&
                             !scan_script_.sha.empty() && !sweep_script_.sha.empty();
    if (!run_.empty() && is_master && has_scripts) return open();
    is_greeting_ = false;
    // A replica would refuse what is written, and show what is old.
    lose(unavailable(run_.empty() ? "Redis does not say its run_id (INFO)"
                     : !is_master ? "it is a replica"
                                  : "Redis loads no scripts (SCRIPT LOAD)"));
}

void Engine::open() {
    const std::string new_id = draw_name(services_.rng);
    session_ = draw_name(services_.rng);
    Words words;
    words.add_script(open_script_.sha,
                     {keys_.documents, keys_.order, keys_.expiries, keys_.state, keys_.session});
    words.add(id_);
    words.add(new_id);
    words.add(kFormat);
    words.add(session_);
    words.add(kSessionLife.count());
    link_->send(words.all(), [this](const Reply* reply) {
        is_greeting_ = false;
        if (reply != nullptr) on_opened(*reply);
        check_end();
    });
}

void Engine::on_opened(const Reply& reply) {
    if (reply.is_error()) {
        is_open_ = false;
        const std::string text(reply.text());
        // Also what would be no more than trouble for a store that is open.
        if (const auto error = meet_error(text, true); !is_open_) {
            lose(trouble_ ? *trouble_ : Fault{error, text});
        }
        return;
    }
    if (reply.size() != 4 || reply[0].text() != "ok") {
        (void)meet_word(reply, false);
        return;
    }
    board_.figures.stored_bytes.store(read_number(reply[2].text()));
    note_opened(std::string(reply[1].text()), reply[3].text());
}

void Engine::note_opened(std::string id, std::string_view problem) {
    const bool was_open = std::exchange(is_open_, true);
    id_ = std::move(id);
    if (!was_open) {
        const bool is_on_disk = info_field(info_, "aof_enabled") == "1";
        services_.log.write(core::LogLevel::info, "store_opened",
                            {{"address", std::string_view(address_)},
                             {"append_only_file", is_on_disk},
                             {"appendfsync", std::string_view(fsync_)}});
        tell_durability();
    }
    if (!problem.empty()) {
        (void)meet_error(problem, true);
    } else if (options_.replicas > 0) {
        return prove_replicas();
    } else {
        note_success();
    }
    have_tried();
    flush();
}

void Engine::prove_replicas() {
    ask_replicas([this](const Reply* reply) {
        if (reply == nullptr) return;
        if (reply->is_error()) {
            (void)meet_error(reply->text(), true);
        } else if (reply->integer() < options_.replicas) {
            note_trouble(lack_of_replicas(reply->integer()));
        } else {
            note_success();
        }
        have_tried();
        flush();
    });
}

void Engine::tell_durability() {
    if (durable_run_ == run_) return;
    durable_run_ = run_;
    const auto warn = [this](std::string_view event, std::string_view reason) {
        services_.log.write(core::LogLevel::warn, event,
                            {{"address", std::string_view(address_)}, {"reason", reason}});
    };
    if (info_field(info_, "aof_enabled") != "1") {
        warn("store_not_durable",
             "this Redis keeps no append-only file (appendonly no): when it restarts, the store is "
             "as old as its last snapshot, or gone");
    } else if (fsync_ == "no") {
        warn("store_not_durable",
             "appendfsync is \"no\": losing power loses what was acknowledged");
    }
    const std::string_view policy = info_field(info_, "maxmemory_policy");
    if (policy.starts_with("allkeys") && info_field(info_, "maxmemory") != "0") {
        warn("store_may_be_evicted",
             "maxmemory-policy is one of allkeys-…: Redis may evict the store when its memory is "
             "full; use noeviction or volatile-…");
    }
}

// --------------------------------------------------------------------- faults

void Engine::on_link_down(std::string_view why) {
    is_open_ = false;
    is_greeting_ = false;
    is_sweeping_ = false;
    is_retry_due_ = false;  // the link tries by itself
    // The reason for giving a connection up is told already.
    if (!std::exchange(is_restarting_, false))
        lose(unavailable("cannot reach Redis: " + std::string(why)));
    fail_waiting();
    have_tried();
    check_end();
}

void Engine::lose(Fault fault) {
    is_open_ = false;
    note_trouble(std::move(fault));
    fail_waiting();
    have_tried();
}

void Engine::note_trouble(Fault fault) {
    if (!trouble_ || trouble_->text != fault.text) {
        services_.log.write(
            core::LogLevel::error, "store_unavailable",
            {{"address", std::string_view(address_)}, {"reason", std::string_view(fault.text)}});
    }
    if (!trouble_) retry_after_ = options_.retry_interval;
    trouble_ = std::move(fault);
    board_.set_status({trouble_->error, trouble_->text});
    if (link_->is_up()) retry_later();
}

void Engine::note_success() {
    if (!trouble_) return;
    trouble_.reset();
    is_retry_due_ = false;
    board_.set_status({});
    services_.log.write(core::LogLevel::info, "store_recovered",
                        {{"address", std::string_view(address_)}});
}

void Engine::retry_later() {
    // Work that is tried meanwhile does not put the next attempt off.
    if (std::exchange(is_retry_due_, true)) return;
    retry_timer_.expires_after(retry_after_);
    retry_after_ = std::min(retry_after_ * 2, options_.retry_interval * kLongestRetryFactor);
    retry_timer_.async_wait([this](const asio::error_code& error) {
        // Another wait may have begun since.
        if (error || has_ended_ || !std::exchange(is_retry_due_, false)) return;
        if (is_open_) return greet();
        // Perhaps another Redis answers at this address by now.
        is_restarting_ = true;
        link_->restart("trying again");
    });
}

std::error_code Engine::meet_error(std::string_view text, bool is_write) {
    if (has(text, "NOSCRIPT")) {
        // Somebody has thrown the scripts away; nothing was done.
        is_open_ = false;
        greet();
        return make_error_code(Error::store_unavailable);
    }
    if (has(text, "WRONGTYPE")) {
        lose({make_error_code(Error::store_incompatible),
              "keys with the store's prefix are another program's"});
        return trouble_->error;
    }
    if (redis::is_redirection(text)) {
        const bool is_elsewhere = text.starts_with("MOVED ");
        lose(unavailable("the slot is not here: " + std::string(text.substr(0, kMaxErrorBytes))));
        // On its way, it may be tried here again.
        if (is_elsewhere) {
            is_restarting_ = true;
            link_->restart("the slot has moved");
        }
        return trouble_->error;
    }
    if (has(text, "OOM")) {
        note_trouble({make_error_code(Error::store_full), "Redis has reached its maxmemory"});
        return trouble_->error;
    }
    Fault fault = unavailable("Redis refuses: " + std::string(text.substr(0, kMaxErrorBytes)));
    // Of these, reads may still work.
    const bool is_of_writes = has(text, "MISCONF") || has(text, "NOREPLICAS");
    is_write&& is_of_writes ? note_trouble(std::move(fault)) : lose(std::move(fault));
    return trouble_->error;
}

std::error_code Engine::meet_word(const Reply& reply, bool is_write) {
    const std::string_view word = reply.size() > 0 ? reply[0].text() : reply.text();
    if (word == "failed" && reply.size() > 1) return meet_error(reply[1].text(), is_write);
    if (word == "format" && reply.size() > 1) {
        lose({make_error_code(Error::store_incompatible),
              "the store has format " + std::string(reply[1].text().substr(0, kMaxErrorBytes)) +
                  ", this program knows format " + kFormat});
    } else if (word == "stale") {
        // Redis has forgotten the session; nothing was done.
        is_open_ = false;
        greet();
        return make_error_code(Error::store_unavailable);
    } else if (word == "corrupt") {
        // One document; the others may be fine.
        return make_error_code(Error::store_corrupt);
    } else {
        lose(unavailable(std::string(kGone)));
    }
    return trouble_->error;
}

}  // namespace pulse::store::on_redis
