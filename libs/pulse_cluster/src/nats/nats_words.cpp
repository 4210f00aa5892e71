// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Words between nodes go straight, without JetStream.
//
//   frame = kind node rest
//   kind  = 'w' the last piece of a word | 'm' a piece before it            rest = bytes
//         | 'q' to all: a word for those who listen    rest = number (u64), channel, bytes
//         | 'y' | 'n' to one: whether it listens, answer to 'q'              rest = number
//         | 't' to all: leave a channel to me           rest = milliseconds (u64), channel
//         | 'h' to all: greets | 'i' to one: greets back | 'e' to all: ends      rest =
//   node  = 32 hexadecimal digits, of who sends it
//
// NATS does not say how many have got a message. So a word whose receivers are to be counted goes
// to all nodes, and each says whether it listens; a node knows the others since it hears from them,
// and greets all when it comes.
#include "bytes.hpp"
#include "nats/nats_backend.hpp"
#include "nats/nats_names.hpp"

#include <algorithm>

namespace pulse::cluster {

namespace {

constexpr std::size_t kFrameHead = 1 + 32;
/// Of words in pieces: of one, and of those that are not whole yet.
constexpr std::size_t kMaxWordBytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kMaxPartialWords = 256;
constexpr std::size_t kMaxPartialBytes = 4 * kMaxWordBytes;
/// Nodes that are known; more than there are, so that it is bounded.
constexpr std::size_t kMaxPeers = 4096;
/// Whoever does not answer within that is not waited for.
constexpr std::chrono::milliseconds kPatience{500};
constexpr std::chrono::milliseconds kQuestionTick{20};

[[nodiscard]] std::string frame(char kind, const NodeId& node) {
    std::string out(1, kind);
    return out.append(epoch_text(node[0])).append(epoch_text(node[1]));
}

}  // namespace

void NatsBackend::announce(const std::string& bytes) { send_word(heard_root_ + "=a", bytes); }

void NatsBackend::tell(const NodeId& node, const std::string& bytes) {
    send_word(heard_root_ + node_token(node), bytes);
}

void NatsBackend::send_word(const std::string& subject, std::string_view bytes) {
    const std::size_t most = max_bytes();
    const std::size_t piece = most > 2 * kFrameHead ? most - kFrameHead : std::size_t{64} * 1024;
    while (bytes.size() > piece) {
        link_->publish(subject, frame('m', node_).append(bytes.substr(0, piece)));
        bytes.remove_prefix(piece);
    }
    link_->publish(subject, frame('w', node_).append(bytes));
}

void NatsBackend::say(const std::string& channel, const std::string& bytes,
                      std::function<void(std::size_t nodes)> done) {
    const std::string token = subject_token(channel);
    if (!done) {
        if (!token.empty()) send_word(heard_root_ + token, bytes);
        return;
    }
    if (!is_ready_ || token.empty()) return done(0);
    const std::uint64_t id = ++last_id_;
    const Time now = std::chrono::steady_clock::now();
    Question question;
    question.nodes = ears_.contains(token) ? 1 : 0;
    question.done = std::move(done);
    question.due = now + std::min(options_.answer_timeout, kPatience);
    forget_gone(now);
    for (const auto& [node, peer] : peers_) {
        if (!peer.is_silent) question.awaited.insert(node);
    }
    questions_.emplace(id, std::move(question));
    std::string asking = frame('q', node_);
    append_number(id, asking);
    append_bytes(channel, asking);
    link_->publish(heard_root_ + "=a", asking += bytes);
    check_questions();
}

void NatsBackend::check_questions() {
    const Time now = std::chrono::steady_clock::now();
    std::vector<std::uint64_t> over;
    for (auto& [id, question] : questions_) {
        const bool is_late = now >= question.due;
        if (is_late) {
            for (const NodeId& node : question.awaited) {
                const auto peer = peers_.find(node);
                if (peer != peers_.end()) peer->second.is_silent = true;
            }
        }
        if (is_late || (question.awaited.empty() && now >= census_end_)) over.push_back(id);
    }
    for (const std::uint64_t id : over) finish_question(id);
    if (questions_.empty() || std::exchange(is_asking_, true)) return;
    question_timer_.expires_after(kQuestionTick);
    question_timer_.async_wait([this, alive = alive_](const asio::error_code& error) {
        if (error || !*alive || is_closed_) return;
        is_asking_ = false;
        check_questions();
    });
}

void NatsBackend::finish_question(std::uint64_t id) {
    const auto found = questions_.find(id);
    if (found == questions_.end()) return;
    const auto done = std::move(found->second.done);
    const std::size_t nodes = found->second.nodes;
    questions_.erase(found);
    done(nodes);
}

// ---------------------------------------------------------------------- hearing

void NatsBackend::hear_from(const NodeId& node) {
    if (node == node_) return;
    const Time now = std::chrono::steady_clock::now();
    if (peers_.size() >= kMaxPeers && !peers_.contains(node)) {
        // Not with each that comes: some of those that are known have time to go.
        if (now >= next_look_at_peers_) {
            next_look_at_peers_ = now + kPatience;
            forget_gone(now);
        }
        if (peers_.size() >= kMaxPeers) return;
    }
    peers_.insert_or_assign(node, Peer{now});
}

void NatsBackend::forget_gone(Time now) {
    std::erase_if(
        peers_, [&](const auto& each) { return now - each.second.heard > options_.node_timeout; });
}

void NatsBackend::hear_frame(const std::string& token, std::string_view bytes,
                             const std::string* channel) {
    if (bytes.size() < kFrameHead) return count_malformed();
    const char kind = bytes.front();
    const NodeId node{parse_epoch(bytes.substr(1, 16)), parse_epoch(bytes.substr(17, 16))};
    if (node[0] == 0 && node[1] == 0) return count_malformed();
    bytes.remove_prefix(kFrameHead);
    hear_from(node);
    if (kind == 'w' || kind == 'm') {
        const auto word = assemble(token, node, bytes, kind == 'w');
        if (!word) return;
        if (channel != nullptr) return deliver(*channel, *word);
        return token == own_token_ ? events_.on_told(*word) : events_.on_announced(*word);
    }
    if (channel != nullptr) return count_malformed();
    switch (kind) {
        case 'h':
            if (node != node_) link_->publish(heard_root_ + node_token(node), frame('i', node_));
            return;
        case 'i':
            return;
        case 'e':
            peers_.erase(node);
            forget_words_of(node);
            for (auto& [id, question] : questions_) question.awaited.erase(node);
            return check_questions();
        case 'q':
            return hear_question(node, bytes);
        case 't':
            return hear_turn(node, bytes);
        case 'y':
        case 'n':
            return hear_answer(node, kind == 'y', bytes);
        default:
            return count_malformed();
    }
}

void NatsBackend::hear_question(const NodeId& asker, std::string_view bytes) {
    if (asker == node_) return;
    std::uint64_t id = 0;
    std::string_view name;
    if (!take_number(bytes, id) || !take_bytes(bytes, name)) return count_malformed();
    const std::string channel(name);
    const bool is_heard = ears_.contains(subject_token(channel));
    std::string answer = frame(is_heard ? 'y' : 'n', node_);
    append_number(id, answer);
    link_->publish(heard_root_ + node_token(asker), answer);
    if (is_heard) deliver(channel, bytes);
}

void NatsBackend::hear_answer(const NodeId& node, bool is_listening, std::string_view bytes) {
    std::uint64_t id = 0;
    if (!take_number(bytes, id)) return count_malformed();
    const auto found = questions_.find(id);
    if (found == questions_.end()) return;
    found->second.awaited.erase(node);
    if (is_listening) ++found->second.nodes;
    check_questions();
}

/// Pieces of one sender come in order, with nothing of the same way in between.
std::optional<std::string> NatsBackend::assemble(const std::string& token, const NodeId& node,
                                                 std::string_view bytes, bool is_last) {
    const auto key = std::make_pair(token, node);
    auto found = partial_words_.find(key);
    if (found == partial_words_.end() && is_last) return std::string(bytes);
    const bool is_one_too_many =
        found == partial_words_.end() && partial_words_.size() >= kMaxPartialWords;
    const bool is_too_much = partial_bytes_ + bytes.size() > kMaxPartialBytes;
    if (is_one_too_many || is_too_much) {
        // Nodes that are gone have left some that nobody will end.
        partial_words_.clear();
        partial_bytes_ = 0;
        found = partial_words_.end();
    }
    if (found == partial_words_.end()) {
        found = partial_words_.emplace(key, PartialWord{{}, is_too_much}).first;
    }
    PartialWord& word = found->second;
    if (word.bytes.size() + bytes.size() > kMaxWordBytes) {
        partial_bytes_ -= word.bytes.size();
        word = PartialWord{{}, true};
    }
    if (!word.is_lost) {
        word.bytes += bytes;
        partial_bytes_ += bytes.size();
    }
    if (!is_last) return std::nullopt;
    PartialWord whole = std::move(word);
    partial_words_.erase(found);
    partial_bytes_ -= whole.bytes.size();
    if (!whole.is_lost) return std::move(whole.bytes);
    count_malformed();
    return std::nullopt;
}

void NatsBackend::forget_words_of(const NodeId& node) {
    std::erase_if(partial_words_, [&](const auto& each) {
        const bool is_its = each.first.second == node;
        if (is_its) partial_bytes_ -= each.second.bytes.size();
        return is_its;
    });
}

}  // namespace pulse::cluster
