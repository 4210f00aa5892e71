// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/remote_connection.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>
#include <vector>

#include <pulse/core/hub.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::cluster {

namespace {

/// Pieces looked at together.
constexpr std::size_t kPieces = 64;
/// Beside a window and one message: what a node has sent before it heard that it shall not.
constexpr std::size_t kHeldSlack = std::size_t{4} * 1024 * 1024;
/// Of one message, where the dialect sets no limit of its own.
constexpr std::size_t kMostHeld = std::size_t{64} * 1024 * 1024;

/// Answers are not given to a node that has as much to come; unless they are small.
constexpr std::size_t kMostWaiting = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kAlwaysFits = std::size_t{4} * 1024;

std::size_t total_of(std::span<const iovec> pieces) noexcept {
    std::size_t total = 0;
    for (const iovec& piece : pieces) total += piece.iov_len;
    return total;
}

}  // namespace

RemoteConnection::RemoteConnection(Desk& desk, PeerPtr peer, SessionNumber session,
                                   const core::PeerAddress& address)
    : core::Connection(desk.lane(), desk.options().framing != nullptr ? *desk.options().framing
                                                                      : core::no_framing()),
      desk_(desk),
      node_(std::move(peer)),
      session_(session),
      address_(address) {}

RemoteConnection::~RemoteConnection() { release_held(); }

template <typename Function>
void RemoteConnection::guarded(Function function) {
    try {
        function();
    } catch (const std::exception& error) {
        fail(error.what());
    } catch (...) {
        fail("not a std::exception");
    }
}

void RemoteConnection::later(std::function<void(RemoteConnection&)> function) {
    desk_.put([peer = node_, session = session_, function = std::move(function)](Desk& desk) {
        if (RemoteConnection* const self = desk.find(peer, session)) function(*self);
    });
}

bool RemoteConnection::start(core::Dialect& dialect, const OpenRecord& open) {
    const core::OpenRequest request = open.view();
    std::string refusal;
    guarded([&] {
        if (auto refused = dialect.admit(request)) {
            refusal = std::move(refused->text);
            return;
        }
        conversation_ = dialect.open(*this, request);
    });
    if (conversation_ == nullptr) {
        is_over_ = true;
        desk_.say_refused(node_, session_, refusal);
        return false;
    }
    desk_.say_opened(node_, session_, conversation_->max_message_bytes());
    guarded([&] { conversation_->on_open(); });
    return true;
}

// ------------------------------------------------------------------ receiving

void RemoteConnection::on_message(core::MessageKind kind, std::string_view message) {
    if (is_closing_ || is_over_ || end_) return;
    // Said before its node knew how much is too much.
    if (message.size() > conversation_->max_message_bytes()) {
        return close(core::CloseReason::message_too_big);
    }
    if (!is_paused_ && held_.empty()) return deliver(kind, message);
    const std::size_t most = desk_.options().session_window_bytes + kHeldSlack +
                             std::min(conversation_->max_message_bytes(), kMostHeld);
    core::MemoryBudget* const budget = lane().budget();
    if (held_bytes_ + message.size() > most) return close(kPolicyViolation, "Too much at once");
    if (budget != nullptr && !budget->try_reserve_input(message.size())) {
        return close(core::CloseReason::out_of_memory);
    }
    held_bytes_ += message.size();
    held_.push_back({kind, std::string(message)});
}

void RemoteConnection::deliver(core::MessageKind kind, std::string_view message) {
    guarded([&] { conversation_->on_message(protocol::as_bytes(message), kind); });
    credit_ += message.size();
    if (is_over_ || credit_ < desk_.options().session_window_bytes / 4) return;
    desk_.say_credit(node_, session_, std::exchange(credit_, 0));
}

void RemoteConnection::pause_reading(bool is_paused) {
    if (std::exchange(is_paused_, is_paused) == is_paused || is_paused) return;
    if (held_.empty() && !end_) return;
    // Not within the conversation's call.
    later([](RemoteConnection& self) { self.drain_held(); });
}

void RemoteConnection::drain_held() {
    if (std::exchange(is_draining_, true)) return;
    while (!is_paused_ && !held_.empty() && !is_closing_ && !is_over_) {
        const Held next = std::move(held_.front());
        held_.pop_front();
        held_bytes_ -= next.message.size();
        if (core::MemoryBudget* const budget = lane().budget()) {
            budget->release_input(next.message.size());
        }
        deliver(next.kind, next.message);
    }
    is_draining_ = false;
    if (!is_paused_ && held_.empty() && end_ && !is_over_) {
        desk_.bury(*this, {end_->code, end_->text, end_->is_clean});
    }
}

void RemoteConnection::release_held() noexcept {
    if (core::MemoryBudget* const budget = lane().budget()) budget->release_input(held_bytes_);
    held_bytes_ = 0;
    held_.clear();
}

void RemoteConnection::on_end(std::uint16_t code, std::string_view text, bool is_clean) {
    // As with a socket: who closes properly is still heard out.
    if (is_clean && !is_closing_ && (is_paused_ || !held_.empty())) {
        end_ = End{code, std::string(text), is_clean};
        return;
    }
    is_over_ = true;
    desk_.bury(*this, {code, text, is_clean});
}

// -------------------------------------------------------------------- sending

void RemoteConnection::write_out() noexcept {
    if (is_over_) return discard_output();
    try {
        if (!is_blocked_ && desk_.is_full(node_)) {
            is_blocked_ = true;
            desk_.block(*this);
        }
        if (is_blocked_) return keep_backlog();
        std::array<iovec, kPieces> pieces;
        std::vector<iovec> all;
        std::size_t n = gather(pieces);
        if (n == pieces.size()) {
            // Many: they are to stand in one group, so they are looked at as one.
            all.resize(n);
            while (gather(all) == all.size()) all.resize(all.size() * 2);
            n = gather(all);
        }
        const std::span<const iovec> due = all.empty() ? std::span<const iovec>(pieces.data(), n)
                                                       : std::span<const iovec>(all.data(), n);
        FrameBatch& batch = desk_.frames(node_);
        const std::size_t before = batch.bytes();
        batch.add(session_, mark_, due);
        desk_.count(node_, batch.bytes() - before);
        consume(total_of(due));
        if (is_closing_) say_closed();
    } catch (...) {
        // Without memory for it the other node is told that it ends.
        discard_output();
        on_overflow();
    }
}

std::size_t RemoteConnection::gather_blocked(FrameBatch& batch) {
    std::vector<iovec> all(backlog_messages() + kPieces);
    while (gather(all) == all.size()) all.resize(all.size() * 2);
    const std::span<const iovec> due(all.data(), gather(all));
    batch.add(session_, mark_, due);
    return total_of(due);
}

void RemoteConnection::release_blocked(std::size_t bytes) {
    is_blocked_ = false;
    consume(bytes);
    if (is_closing_) say_closed();
}

void RemoteConnection::on_overflow() noexcept {
    // Within write_out(), where the hub must not be called.
    try {
        later([](RemoteConnection& self) {
            if (self.is_over_ || self.conversation_ == nullptr) return;
            self.drop_backlog();
            self.guarded([&] { self.conversation_->on_closing(core::CloseReason::slow_consumer); });
            if (!self.is_closing_) self.close(core::CloseReason::slow_consumer);
            // What still waits is given up.
            self.discard_output();
            self.say_closed();
        });
    } catch (...) {
        is_over_ = true;
    }
}

void RemoteConnection::close(std::uint16_t code, std::string_view text) {
    if (is_closing_ || is_over_) return;
    is_closing_ = true;
    close_code_ = code;
    close_text_ = text;
    finish_output();
    release_held();
    // Otherwise behind what is still to be written.
    if (is_drained()) later([](RemoteConnection& self) { self.say_closed(); });
}

void RemoteConnection::say_closed() {
    if (!is_closing_ || is_over_ || !is_drained()) return;
    is_over_ = true;
    desk_.say_closed(node_, session_, close_code_, close_text_);
    desk_.bury(*this, {close_code_, close_text_, true});
}

void RemoteConnection::restart() {
    if (is_closing_ || is_over_) return;
    guarded([&] { conversation_->on_closing(core::CloseReason::shutdown); });
    close(kServiceRestart, kServiceRestartText);
}

void RemoteConnection::on_over(const core::CloseEvent& event) {
    is_over_ = true;
    expire_handles();
    discard_output();
    release_held();
    if (conversation_ == nullptr) return;
    try {
        conversation_->on_close(event);
    } catch (const std::exception& error) {
        lane().hub().log().write(core::LogLevel::error, "connection_failed",
                                 {{"reason", std::string_view(error.what())}});
    }
    conversation_.reset();
}

void RemoteConnection::request_tick(std::chrono::milliseconds after) {
    tick_due_ = desk_.lane().now() + after;
    // A timer of the lane's cannot be taken back, and clients may make a dialect ask often: one
    // that comes no later looks again.
    if (!timer_due_ || tick_due_ < *timer_due_) arm_tick();
}

void RemoteConnection::arm_tick() {
    timer_due_ = tick_due_;
    desk_.lane().post_at(tick_due_, [weak = desk_.weak_from_this(), peer = node_,
                                     session = session_, timer = ++timer_, due = tick_due_] {
        const auto desk = weak.lock();
        RemoteConnection* const self = desk == nullptr ? nullptr : desk->find(peer, session);
        if (self != nullptr) self->on_timer(timer, due);
    });
}

void RemoteConnection::on_timer(std::uint64_t timer, core::MonotonicTime due) {
    if (timer_ != timer || is_over_ || is_closing_) return;
    timer_due_.reset();
    if (due < tick_due_) return arm_tick();
    guarded([&] { conversation_->on_tick(lane().now()); });
}

// ------------------------------------------------------------------- requests

void RemoteRequest::complete_response(std::uint32_t, core::HttpResponse response) {
    if (std::exchange(is_answered_, true)) return;
    const std::size_t size = response.body.size();
    if (size > desk_.options().max_answer_bytes) {
        response = core::HttpResponse::text(500, "The answer is too long");
    } else if (node_->waiting.load() + size > kMostWaiting && size > kAlwaysFits) {
        response = core::HttpResponse::text(503, "The way back is full");
        response.headers.emplace_back("retry-after", "1");
    }
    desk_.say_answer(node_, number_, response);
    desk_.bury(*this);
}

void RemoteRequest::begin_stream(std::uint32_t serial, core::HttpResponse, core::StreamOpener) {
    complete_response(serial,
                      core::HttpResponse::text(503, "Ask the server that has it for this stream"));
}

}  // namespace pulse::cluster
