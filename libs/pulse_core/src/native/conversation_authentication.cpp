// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who a native client is.
#include "conversation_extras.hpp"

#include <chrono>
#include <mutex>
#include <string>

#include <pulse/protocol/version.hpp>

namespace pulse::core::native {

using protocol::FrameView;

void NativeConversation::expect_authentication() {
    extras().authentication_due = connection_.lane().now() + options().authentication_timeout;
    request_tick();
}

void NativeConversation::handle_connect(const FrameView& frame) {
    if (frame.version != protocol::kProtocolVersion.major) {
        end(CloseReason::protocol_mismatch);
        return;
    }
    if (dialect_.authenticator_ == nullptr) return;
    if (!frame.token && !dialect_.authenticator_->is_required()) return;

    const std::string peer = connection_.peer().to_string();
    const Credentials credentials{frame.token.value_or(std::string_view{}), extras().origin, peer};
    standing_ = Standing::pending;
    // The answer may come at once, or later from any thread: only then is the connection paused.
    struct Inline {
        std::optional<Result<Identity>> result;
        bool is_over = false;
        std::mutex mutex;
    };
    auto here = std::make_shared<Inline>();
    dialect_.authenticator_->authenticate(
        credentials, [here, handle = connection_.handle(), this](Result<Identity> result) {
            {
                const std::lock_guard lock(here->mutex);
                if (!here->is_over) {
                    here->result = std::move(result);
                    return;
                }
            }
            // `this` lives as long as the connection does; post() runs nothing after that.
            handle.post([this, result = std::move(result)](Connection&) mutable {
                if (finish_authentication(std::move(result))) resume();
            });
        });
    std::optional<Result<Identity>> result;
    {
        const std::lock_guard lock(here->mutex);
        here->is_over = true;
        result = std::move(here->result);
    }
    if (result) {
        // Whoever handed this frame over goes on with the next. Going on from here would nest once
        // for each connect frame, and a message holds as many as a client likes.
        (void)finish_authentication(std::move(*result));
    } else {
        connection_.pause_reading(true);
        // Each question has a time of its own; a client must not stay paused for ever.
        expect_authentication();
    }
}

bool NativeConversation::finish_authentication(Result<Identity> result) {
    if (is_ending_ || standing_ != Standing::pending) return false;
    if (!result) {
        stats().authentication_failures.add(1);
        end(CloseReason::authentication_failed);
        return false;
    }
    Extras& extra = extras();
    rights_ = std::move(result->rights);
    extra.authentication_due = {};
    standing_ = Standing::authenticated;
    // What rights of the kind that ends have opened does not pass to whoever the client is now.
    if (extra.review_due != MonotonicTime{}) end_forbidden_subscriptions();
    expect_review();
    return true;
}

void NativeConversation::expect_review() {
    const auto interval = rights_ ? rights_->review_interval() : std::chrono::milliseconds{0};
    if (interval.count() == 0) {
        if (extras_ != nullptr) extras_->review_due = {};
        return;
    }
    extras().review_due = connection_.lane().now() + interval;
    request_tick();
}

void NativeConversation::review() {
    if (!rights_->holds()) {
        end(CloseReason::authentication_failed);
        return;
    }
    end_forbidden_subscriptions();
    expect_review();
}

void NativeConversation::end_forbidden_subscriptions() {
    for (const std::string& channel : session_.channels()) {
        if (is_allowed(Action::subscribe, channel)) continue;
        if (session_.unsubscribe(channel)) continue;
        send_error(0, protocol::ErrorCode::forbidden, "Subscription ended: " + channel);
    }
}

}  // namespace pulse::core::native
