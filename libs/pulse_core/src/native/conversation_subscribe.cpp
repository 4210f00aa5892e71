// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Subscribing, also from a position on: what was missed comes first, then what is published, with
// nothing between them lost or given twice.
//
// While the answer is on its way (from the broker: this node listens; from the history: what was
// missed), a Receiver holds on to the channel. When both are there, the session joins; what was
// delivered to the channel between the history's newest and that moment is in the receiver, and
// the hub tells up to where. A node on its own takes the same way, and has its answers at once.
#include "conversation_extras.hpp"
#include "native/encoders.hpp"
#include "native/position.hpp"

#include <mutex>
#include <utility>

#include <pulse/core/error.hpp>

namespace pulse::core::native {

using protocol::ErrorCode;
using protocol::FrameView;

namespace {

struct Missed {
    std::vector<PublicationPtr> publications;
    StreamPosition position;  ///< of the last of them, or where nothing was missed
    bool is_recovered = false;

    void give_up(const StreamPosition& now) {
        publications.clear();
        is_recovered = false;
        position = now;
    }
};

/// What lies between the page and `joined`, behind which the subscription begins.
/// (Epoch 0: nothing was delivered since somebody here has listened.)
Missed collect(const std::optional<StreamPosition>& since, Result<HistoryPage>&& page,
               Receiver& receiver, const StreamPosition& joined) {
    Missed missed;
    if (!page) {
        missed.position = joined;
        return missed;
    }
    missed.position = page->top;
    if (since && page->recovered) {
        // Cut by its limit it has a gap at its end.
        missed.is_recovered = page->top.offset - since->offset == page->publications.size();
        if (missed.is_recovered) missed.publications = std::move(page->publications);
    }
    if (joined.epoch == 0) return missed;
    while (const PublicationPtr* const next = receiver.try_receive()) {
        const StreamPosition& at = (*next)->position;
        if (at.epoch == 0) continue;
        if (at.epoch != missed.position.epoch) {
            // The numbering began anew: which of the two is the newer one, nobody can say here.
            missed.give_up(joined);
            break;
        }
        if (at.offset <= missed.position.offset) continue;
        if (at.epoch == joined.epoch && at.offset > joined.offset) break;
        if (at.offset != missed.position.offset + 1) {
            missed.give_up(joined);
            break;
        }
        missed.position = at;
        if (missed.is_recovered) missed.publications.push_back(*next);
    }
    if (receiver.take_lagged() != 0) missed.give_up(joined);
    // A gap was told meanwhile: those who were here know of it.
    const bool is_behind =
        joined.epoch != missed.position.epoch || joined.offset > missed.position.offset;
    if (is_behind) missed.give_up(joined);
    return missed;
}

}  // namespace

template <typename Value, typename Start, typename Then>
void NativeConversation::await(Start&& start, Then then) {
    // The answer may come within the call, or later from any thread: only then the connection
    // waits.
    struct Inline {
        std::optional<Value> value;
        bool is_over = false;
        std::mutex mutex;
    };
    auto here = std::make_shared<Inline>();
    start([here, handle = connection_.handle(), this, then](Value value) {
        {
            const std::lock_guard lock(here->mutex);
            if (!here->is_over) {
                here->value.emplace(std::move(value));
                return;
            }
        }
        // `this` lives as long as the connection does; post() runs nothing after that.
        auto shared = std::make_shared<Value>(std::move(value));
        handle.post([this, then, shared](Connection&) {
            if (is_ending_) return;
            then(std::move(*shared));
            if (extras_->joining == nullptr) release();
        });
    });
    std::optional<Value> value;
    {
        const std::lock_guard lock(here->mutex);
        here->is_over = true;
        value = std::move(here->value);
    }
    if (value) {
        then(std::move(*value));
    } else {
        hold();
    }
}

void NativeConversation::handle_subscribe(const FrameView& frame) {
    const std::uint64_t id = frame.id.value_or(0);
    if (!may(Action::subscribe, frame)) return;
    Broker* const broker = dialect_.hub_.broker();
    if (broker == nullptr && !frame.data) {
        if (const std::error_code error = session_.subscribe(frame.channel)) {
            refuse(id, error, frame.channel);
            return;
        }
        send_ack(id);
        return;
    }
    std::optional<RecoverRequest> wish;
    if (frame.data) {
        wish = parse_recover(*frame.data);
        if (!wish) {
            stats().invalid_frames.add(1);
            send_error(id, ErrorCode::invalid_frame,
                       protocol::default_text(ErrorCode::invalid_frame));
            return;
        }
    }
    if (const std::error_code error = session_.may_subscribe(frame.channel)) {
        refuse(id, error, frame.channel);
        return;
    }
    auto receiver = dialect_.hub_.watch(frame.channel);
    if (!receiver) {
        refuse(id, receiver.error(), frame.channel);
        return;
    }
    extras().joining = std::make_unique<Joining>(
        Joining{id, std::string(frame.channel), wish, std::move(*receiver)});
    if (broker == nullptr) {
        read_missed();
        return;
    }
    await<bool>(
        [&](auto done) {
            broker->when_listening(extras_->joining->channel, [done] { done(true); });
        },
        [this](bool) { read_missed(); });
}

void NativeConversation::read_missed() {
    Joining& joining = *extras_->joining;
    if (!joining.wish) {
        finish_subscribe(std::nullopt);
        return;
    }
    Hub& hub = dialect_.hub_;
    const auto& since = joining.wish->since;
    const std::size_t limit = since ? hub.history_policy(joining.channel).size : 0;
    await<Result<HistoryPage>>(
        [&](auto done) {
            hub.read_history(joining.channel, since ? &*since : nullptr, limit, std::move(done));
        },
        [this](Result<HistoryPage> page) { finish_subscribe(std::move(page)); });
}

void NativeConversation::finish_subscribe(std::optional<Result<HistoryPage>> page) {
    const std::unique_ptr<Joining> joining = std::move(extras_->joining);
    StreamPosition joined;
    const Encoder& encoder =
        is_json_ ? joining->wish ? *dialect_.positioned_json_encoder_ : *dialect_.json_encoder_
        : joining->wish ? *dialect_.positioned_binary_encoder_
                        : *dialect_.binary_encoder_;
    if (const std::error_code error = session_.subscribe(joining->channel, encoder, joined)) {
        refuse(joining->id, error, joining->channel);
        return;
    }
    if (!joining->wish) {
        send_ack(joining->id);
        return;
    }
    Missed missed = collect(joining->wish->since, std::move(*page), joining->receiver, joined);
    std::size_t bytes = 0;
    for (const PublicationPtr& each : missed.publications) bytes += each->payload.size();
    // Answers are not dropped: what is more than may wait for one peer would close it.
    const std::size_t limit = connection_.lane().limits().max_bytes;
    if (limit != 0 && bytes > limit) missed.give_up(missed.position);
    std::vector<std::byte> recovery;
    append_recovery(missed.is_recovered, missed.position, recovery);
    FrameView ack = FrameView::ack(joining->id);
    ack.data = recovery;
    send(ack);
    for (const PublicationPtr& each : missed.publications) send_missed(*each);
}

void NativeConversation::send_missed(const Publication& publication) {
    std::vector<std::byte> position;
    append_position(publication.position, position);
    FrameView frame = FrameView::publish(publication.channel, publication.payload);
    if (publication.event) frame.event = *publication.event;
    frame.data = position;
    send(frame);
}

}  // namespace pulse::core::native
