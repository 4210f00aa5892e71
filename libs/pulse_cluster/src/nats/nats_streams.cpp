// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The streams: made when they are needed, and watched, since one in memory may begin anew. Marks
// tell what has been heard of one.
#include "nats/nats_backend.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace pulse::cluster {

using core::HistoryPolicy;
using nats_api::StreamInfo;

namespace {

constexpr const char* kApi = "$JS.API.";
/// Between two looks at the streams.
constexpr std::chrono::milliseconds kLongestWatch{1'000};

}  // namespace

NatsBackend::Stream& NatsBackend::stream_of(const HistoryPolicy& policy) {
    const std::string name = policy_name(policy);
    const auto found = streams_.find(name);
    if (found != streams_.end()) return found->second;
    Stream& stream = streams_[name];
    stream.setup.name = root_ + "-" + name;
    stream.setup.from = root_ + ".p." + name + ".";
    stream.setup.to = heard_root_;
    stream.setup.policy = policy;
    stream.setup.replicas = options_.replicas;
    return stream;
}

void NatsBackend::ensure(Stream& stream, std::function<void(bool)> then) {
    if (stream.state == Stream::State::ready) return then(true);
    stream.waiting.push_back(std::move(then));
    if (stream.state == Stream::State::unknown) ask_stream(stream);
}

void NatsBackend::ask_stream(Stream& stream) {
    stream.state = Stream::State::asked;
    link_->request(kApi + ("STREAM.INFO." + stream.setup.name), {}, {},
                   [this, &stream](const NatsMessage* message) {
                       if (message == nullptr) return;  // on_down() follows
                       if (message->is_no_responders()) {
                           return link_->restart(
                               "JetStream is not enabled on this server, or not for this account");
                       }
                       const StreamInfo info =
                           nats_api::read_stream_info(message->data(), stream.setup);
                       if (info.failure.code == nats_api::kStreamNotFound) {
                           return create_stream(stream);
                       }
                       take_stream(stream, info);
                   });
}

void NatsBackend::create_stream(Stream& stream) {
    link_->request(
        kApi + ("STREAM.CREATE." + stream.setup.name), {}, nats_api::stream_config(stream.setup),
        [this, &stream](const NatsMessage* message) {
            if (message == nullptr) return;
            const StreamInfo info = nats_api::read_stream_info(message->data(), stream.setup);
            // Another node was faster, with another number of replicas, say.
            if (info.failure.code == nats_api::kStreamNameInUse) {
                return ask_stream(stream);
            }
            take_stream(stream, info);
        });
}

void NatsBackend::take_stream(Stream& stream, const StreamInfo& info) {
    const std::string name = "stream " + stream.setup.name + ": ";
    if (info.failure) return link_->restart(name + info.failure.text);
    if (!info.is_fit) return link_->restart(name + "it is there with another configuration");
    const std::string before = std::exchange(stream.created, info.created);
    stream.last_sequence = info.last_sequence;
    stream.is_replicated = info.is_replicated;
    stream.state = Stream::State::ready;
    settle_stream(stream, true);
    if (is_ready_ && !before.empty() && before != info.created) tell_of_new_stream(stream);
}

/// The server that had it is gone, of several, and perhaps something with it that it had taken and
/// not passed on. In a history that shows with the next publication, which is of a new epoch.
void NatsBackend::tell_of_new_stream(const Stream& stream) {
    if (stream.setup.policy.is_kept()) return;
    std::vector<std::string> channels;
    for (const auto& [token, ear] : ears_) {
        if (ear.stream == &stream && ear.is_confirmed) channels.push_back(ear.channel);
    }
    for (const std::string& channel : channels) events_.on_missed(channel);
}

void NatsBackend::settle_stream(Stream& stream, bool is_ready) {
    const auto waiting = std::exchange(stream.waiting, {});
    for (const auto& then : waiting) then(is_ready);
}

void NatsBackend::forget_stream(Stream& stream) {
    if (stream.state == Stream::State::ready) stream.state = Stream::State::unknown;
    stream.last_sequence = 0;
    for (auto& [token, ear] : ears_) {
        if (ear.stream != &stream) continue;
        ear.since = ear.heard = ear.settled = 0;
        ear.last = {};
        ear.index.clear();
    }
    for (auto& [channel, writer] : writers_) {
        if (writer.stream != &stream) continue;
        writer.last.reset();
        writer.index.clear();
        writer.purged_bytes = 0;
    }
}

void NatsBackend::watch() {
    watch_timer_.expires_after(std::min(options_.answer_timeout / 2, kLongestWatch));
    watch_timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (error || !*alive || is_closed_) return;
        if (is_ready_) {
            watch_streams();
            check_arrivals(std::chrono::steady_clock::now());
        }
        watch();
    });
}

/// Shows whether the server is alive. And in a cluster of servers a stream in memory may begin anew
/// though this node's connection holds: what is known of its sequences is then wrong.
void NatsBackend::watch_streams() {
    for (auto& each : streams_) {
        Stream& stream = each.second;
        if (stream.state != Stream::State::ready) continue;
        link_->request(kApi + ("STREAM.INFO." + stream.setup.name), {}, {},
                       [this, &stream, known = stream.last_sequence](const NatsMessage* message) {
                           if (message == nullptr) return;
                           if (message->is_no_responders()) {
                               return link_->restart("JetStream does not answer any more");
                           }
                           const StreamInfo info =
                               nats_api::read_stream_info(message->data(), stream.setup);
                           const bool is_same = !info.failure && info.created == stream.created &&
                                                info.last_sequence >= known;
                           // An operator may have changed that.
                           if (is_same) stream.is_replicated = info.is_replicated;
                           if (is_same) return;
                           forget_stream(stream);
                           ensure(stream, [](bool) {});
                       });
    }
}

void NatsBackend::ask_sequence(Stream& stream, std::function<void(std::uint64_t)> then) {
    stream.askers.push_back(std::move(then));
    if (!stream.is_asking) send_ask(stream);
}

void NatsBackend::send_ask(Stream& stream) {
    stream.is_asking = true;
    link_->request(
        kApi + ("STREAM.INFO." + stream.setup.name), {}, {},
        [this, &stream, askers = std::exchange(stream.askers, {})](const NatsMessage* message) {
            if (message == nullptr) return;
            if (message->is_no_responders()) {
                return link_->restart("JetStream does not answer any more");
            }
            const StreamInfo info = nats_api::read_stream_info(message->data(), stream.setup);
            stream.is_asking = false;
            for (const auto& then : askers) then(info.failure ? 0 : info.last_sequence);
            if (!stream.askers.empty() && !stream.is_asking && link_->is_up()) {
                send_ask(stream);
            }
        });
}

/// A publication that the stream refuses: its refusal comes the way of what the stream republishes,
/// behind all that it passed on before.
void NatsBackend::mark(Stream& stream, std::function<void()> then) {
    stream.marks.push_back(std::move(then));
    if (!stream.is_marking) send_mark(stream);
}

void NatsBackend::send_mark(Stream& stream) {
    stream.is_marking = true;
    auto marks =
        std::make_shared<std::vector<std::function<void()>>>(std::exchange(stream.marks, {}));
    link_->request(stream.setup.from + "=m", {{"Nats-Expected-Stream", "-"}}, {},
                   [this, &stream, marks](const NatsMessage* message) {
                       if (message == nullptr) return;
                       if (message->is_no_responders()) {
                           forget_stream(stream);
                           stream.marks.insert(stream.marks.begin(), marks->begin(), marks->end());
                           return ensure(stream, [this, &stream](bool is_there) {
                               if (is_there) send_mark(stream);
                           });
                       }
                       stream.is_marking = false;
                       for (const auto& then : *marks) then();
                       if (!stream.marks.empty() && !stream.is_marking && link_->is_up()) {
                           send_mark(stream);
                       }
                   });
}

}  // namespace pulse::cluster
