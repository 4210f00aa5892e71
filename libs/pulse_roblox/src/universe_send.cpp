// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Single messages over HTTP: the answer waits for Roblox, but not for ever, and a request that is
// repeated under its Idempotency-Key is answered and not done again.
#include "json/text.hpp"
#include "universe.hpp"

#include <charconv>

namespace pulse::roblox {

namespace {

constexpr std::size_t kMaxIdempotencyKeyBytes = 256;
constexpr std::string_view kNotAnswered =
    R"({"error":"Roblox has not answered yet; the message may still arrive"})";
constexpr std::string_view kUnconfirmed =
    "Roblox has not confirmed the message; it may have arrived";

/// `<status> <body>`, as kept in the book.
[[nodiscard]] std::string store_answer(const SendAnswer& answer) {
    return std::to_string(answer.status) + " " + answer.body;
}

[[nodiscard]] SendAnswer restore_answer(std::string_view stored) {
    SendAnswer answer{.is_repeat = true};
    const auto [end, error] =
        std::from_chars(stored.data(), stored.data() + stored.size(), answer.status);
    static_cast<void>(error);  // written by store_answer()
    answer.body = stored.substr(static_cast<std::size_t>(end - stored.data()) + 1);
    return answer;
}

}  // namespace

void Universe::answer_sends(OpenSend& send, const SendAnswer& answer) {
    bool is_repeat = false;
    for (SendDone& done : send.dones) {
        SendAnswer copy = answer;
        copy.is_repeat = is_repeat;
        is_repeat = true;
        shared_.call_later([done = std::move(done), copy = std::move(copy)] { done(copy); });
    }
    send.dones.clear();
}

void Universe::send(SendCommand command, SendDone done) {
    const Time now = shared_.now();
    const auto answer_now = [&](SendAnswer answer) {
        shared_.call_later([done, answer = std::move(answer)] { done(answer); });
    };
    if (shared_.is_shutting_down) {
        answer_now(answer_for({.outcome = Outcome::shutting_down}));
        return;
    }
    std::string key;
    if (!command.idempotency_key.empty()) {
        if (command.idempotency_key.size() > kMaxIdempotencyKeyBytes) {
            answer_now({.status = 400, .body = R"({"error":"Idempotency-Key is too long"})"});
            return;
        }
        key = "i" + command.caller + '\0' + command.idempotency_key;
        const AnswerBook::Entry entry = answers_.begin(key, now);
        if (entry.is_known && entry.is_answered) {
            answer_now(restore_answer(entry.answer));
            return;
        }
        if (entry.is_known) {
            const auto waiting = sends_by_key_.find(key);
            if (waiting != sends_by_key_.end()) {
                const auto late = late_sends_.find(waiting->second);
                if (late != late_sends_.end()) {
                    answer_now({.status = 504, .body = std::string(kNotAnswered)});
                    return;
                }
                OpenSend& send = sends_[waiting->second];
                constexpr std::size_t kMaxRepeats = 16;
                if (send.dones.size() < kMaxRepeats) {
                    send.dones.push_back(std::move(done));
                } else {
                    answer_now(answer_for({.outcome = Outcome::queue_full}));
                }
                return;
            }
            // Begun and neither answered nor open: cannot be told apart from lost.
            answer_now({.status = 504, .body = std::string(kNotAnswered)});
            return;
        }
    }
    const auto finish_now = [&](SendAnswer answer) {
        if (!key.empty()) {
            // A refusal leaves nothing behind: the same key may try again.
            if (answer.status < 300) {
                answers_.answer(key, store_answer(answer));
            } else {
                answers_.abandon(key);
            }
        }
        answer_now(std::move(answer));
    };

    Envelope& envelope = command.request.envelope;
    if (command.destination == Destination::server) {
        // The original takes an empty topic.
        if (!envelope.topic.empty() && !is_valid_topic(envelope.topic)) {
            finish_now(answer_for(refused(Outcome::invalid)));
            return;
        }
        deliver_to_web(std::move(envelope.topic), std::move(envelope.message).value_or(""),
                       std::move(command.sender));
        finish_now(answer_for({}));
        return;
    }
    if (sends_.size() + late_sends_.size() >= shared_.options.max_open_sends) {
        finish_now(answer_for(refused(Outcome::queue_full)));
        return;
    }
    OutgoingMessage message{.topic = std::move(envelope.topic),
                            .message = std::move(envelope.message).value_or("null"),
                            .key = std::move(command.request.key),
                            .ttl = command.request.ttl,
                            .sender = std::move(command.sender),
                            .v0_text = std::move(command.request.text)};
    if (envelope.server_id) message.target = {Target::Kind::server, std::move(*envelope.server_id)};
    const SendId id = ++last_send_;
    Taken taken =
        take(std::move(message), [self = weak_from_this(), id](const PublishResult& result) {
            if (const auto universe = self.lock()) {
                universe->finish_send(id, result);
            }
        });
    if (taken.ended) {
        finish_now(answer_for(*taken.ended));
        return;
    }
    if (command.request.is_async) {
        finish_now({.status = 202,
                    .body = R"({"success":true,"queued":true,"id":")" +
                            std::string(sequence_->epoch()) + "-" + std::to_string(taken.id) +
                            "\"}"});
        return;
    }
    OpenSend& send = sends_[id];
    send.dones.push_back(std::move(done));
    send.deadline = now + shared_.options.answer_wait;
    send.book_key = key;
    if (!key.empty()) sends_by_key_.emplace(std::move(key), id);
}

void Universe::finish_send(SendId id, const PublishResult& result) {
    auto node = sends_.extract(id);
    if (node.empty()) node = late_sends_.extract(id);
    if (node.empty()) return;  // was asynchronous
    OpenSend& send = node.mapped();
    const SendAnswer answer = answer_for(result);
    if (!send.book_key.empty()) {
        sends_by_key_.erase(send.book_key);
        // What may have arrived must not be sent by a repeat again: the answer stands for as long
        // as the key is known.
        if (answer.status < 300 || result.may_have_arrived) {
            answers_.answer(send.book_key, store_answer(answer));
        } else {
            answers_.abandon(send.book_key);
        }
    }
    answer_sends(send, answer);
}

void Universe::time_out_sends(Time now) {
    while (!sends_.empty() && sends_.begin()->second.deadline <= now) {
        OpenSend& send = sends_.begin()->second;
        answer_sends(send, {.status = 504, .body = std::string(kNotAnswered)});
        if (send.book_key.empty()) {
            sends_.erase(sends_.begin());
            continue;
        }
        // How it ends is still of interest: a repeat gets that answer. It ends when the message
        // does, which is at the end of its time to live at the latest.
        late_sends_.insert(sends_.extract(sends_.begin()));
    }
}

SendAnswer answer_for(const PublishResult& result) {
    SendAnswer answer{.retry_after = result.retry_after};
    const auto fail = [&](int status, std::string_view text) {
        answer.status = status;
        answer.body = R"({"error":")" + std::string(text) + '"';
        const CloudError& error = result.error;
        if (error.http != 0) {
            answer.body += R"(,"roblox":{"status":)" + std::to_string(error.http);
            if (!error.code.empty()) {
                answer.body += R"(,"code":)";
                json::append_string(answer.body, error.code);
            }
            answer.body += '}';
        }
        answer.body += '}';
    };
    if (result.may_have_arrived) {
        // Whatever it ended with: neither "try again" nor "refused" would be true.
        fail(504, kUnconfirmed);
        answer.retry_after.reset();
        return answer;
    }
    const std::string_view text = error_text(result.outcome);
    switch (result.outcome) {
        case Outcome::accepted:
        case Outcome::replaced:  // by a newer state, which is what the sender asked for
            answer.body = R"({"success":true})";
            break;
        case Outcome::invalid:
            fail(400, text);
            break;
        case Outcome::unknown_universe:
            fail(404, text);
            break;
        case Outcome::too_large:
            fail(413, text);
            break;
        case Outcome::throttled:
        case Outcome::queue_full:
            fail(429, text);
            if (!answer.retry_after) answer.retry_after = std::chrono::seconds(1);
            break;
        case Outcome::rejected:
            fail(502, text);
            break;
        case Outcome::key_rejected:
        case Outcome::shutting_down:
            fail(503, text);
            break;
        case Outcome::expired:
        case Outcome::transport:
            fail(504, text);
            break;
    }
    return answer;
}

}  // namespace pulse::roblox
