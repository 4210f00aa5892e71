// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the outbox makes frames: batches of what fits, compressed ones of what fits then, and items
// that no frame holds in pieces or as claim checks.
#include "frame_writer.hpp"
#include "json/text.hpp"
#include "outbox.hpp"

#include <algorithm>
#include <utility>

namespace pulse::roblox {

namespace {

constexpr std::uint64_t kLongestSeq = (std::uint64_t{1} << 53) - 1;

/// Header with the line feed, counted.
[[nodiscard]] std::size_t header_size(FrameType type, std::string_view epoch, std::uint64_t seq,
                                      Counting counting) {
    std::string header;
    append_frame_header(header, type, epoch, seq);
    header += '\n';
    return counted_size(header, counting);
}

[[nodiscard]] std::size_t chunk_header_size(Counting counting) {
    std::string header;
    append_frame_header(header, FrameType::chunk, "epoch0", kLongestSeq);
    append_chunk_fields(
        header,
        {.id = "0123456789ab", .index = kMaxChunks, .count = kMaxChunks, .crc = UINT32_MAX});
    header += '\n';
    return counted_size(header, counting);
}

/// The most that one character takes in any way of counting.
constexpr std::size_t kLargestCharacter = 6;

[[nodiscard]] std::string to_base36(std::uint64_t number) {
    std::string text;
    for (; number != 0; number /= 36) text += "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    return {text.rbegin(), text.rend()};
}

[[nodiscard]] std::string item_text(const Pending& message) {
    std::string text = "[" + message.topic_text + "," + message.message;
    if (!message.options.empty()) text += "," + message.options;
    return text + "]";
}

[[nodiscard]] std::size_t character_size(char first) noexcept {
    const auto byte = static_cast<unsigned char>(first);
    if (byte < 0xc0) return 1;
    if (byte < 0xe0) return 2;
    return byte < 0xf0 ? 3 : 4;
}

}  // namespace

/// A batch that grows. Items refer only to items before them, so a batch of fewer is a prefix.
struct Outbox::Batch {
    struct Entry {
        Lane::Node node;
        std::size_t end;  // of the body with this item, without the bracket behind it
    };
    std::string body = "[";
    std::size_t counted = 0;  // whole frame, as B
    std::vector<Entry> entries{};
    std::unordered_map<std::string, std::size_t> first_use{};

    [[nodiscard]] std::string body_of(std::size_t count) const {
        return body.substr(0, entries[count - 1].end) + "]";
    }
};

bool Outbox::fits_one_frame(const Pending& message) const noexcept {
    return batch_overhead_ + message.counted + message.counted_topic <= options_.budget;
}

std::size_t Outbox::largest_batch_overhead(Counting counting) {
    return header_size(FrameType::batch, "epoch0", kLongestSeq, counting) + 2;
}

bool Outbox::fits_somehow(const Pending& message) const noexcept {
    const std::size_t bytes =
        message.topic_text.size() + message.message.size() + message.options.size() + 4;
    // Sizes are added up below; nothing sensible is near this.
    if (bytes > options_.max_bytes) return false;
    if (fits_one_frame(message)) return true;
    if (capabilities_.http && keep_claim_ && bytes <= options_.max_claim_bytes) return true;
    const std::size_t room =
        options_.budget - chunk_header_size(options_.counting) - (kLargestCharacter - 1);
    return message.counted + message.counted_topic <= room * kMaxChunks;
}

std::optional<OutgoingFrame> Outbox::build(Queue& queue, core::MonotonicTime now) {
    if (!queue.ready.empty()) {
        OutgoingFrame frame = std::move(queue.ready.front());
        queue.ready.pop_front();
        return frame;
    }
    if (!queue.wake.empty()) return build_wake(queue, now);
    // One that no frame holds may have waited at the head for a chance of another way.
    while (true) {
        drop_expired_heads(queue, now);
        const Pending* head = queue.lane.peek();
        if (head == nullptr) return {};
        if (queue.lane.is_v0()) return build_v0(queue);
        if (fits_one_frame(*head)) return build_batch(queue, now);
        const std::size_t waiting = queue.lane.size();
        std::optional<OutgoingFrame> frame = build_large(queue);
        if (frame || queue.lane.size() == waiting) return frame;
    }
}

std::optional<OutgoingFrame> Outbox::build_wake(Queue& queue, core::MonotonicTime now) {
    // Later there will be another, or the server has come by itself.
    constexpr std::chrono::seconds kRetriedFor{5};
    const std::optional<std::uint64_t> seq = sequence_.take(queue.lane.real_topic(), 1);
    if (!seq) return {};
    return OutgoingFrame{
        .real_topic = queue.lane.real_topic(),
        .kind = queue.lane.kind(),
        .text = encode_wake(sequence_.epoch(), *seq, std::exchange(queue.wake, {})),
        .seq = *seq,
        .messages = {},
        .deadline = now + kRetriedFor};
}

std::optional<OutgoingFrame> Outbox::build_v0(Queue& queue) {
    Lane::Node node = queue.lane.take();
    Pending& message = node.front();
    forget(message);
    return OutgoingFrame{.real_topic = queue.lane.real_topic(),
                         .kind = queue.lane.kind(),
                         .text = std::move(message.message),
                         .seq = 0,
                         .messages = {message.id},
                         .deadline = message.deadline};
}

bool Outbox::add_next(Queue& queue, core::MonotonicTime now, Batch& batch, std::size_t max_counted,
                      std::size_t max_bytes) {
    drop_expired_heads(queue, now);
    const Pending* head = queue.lane.peek();
    if (head == nullptr || batch.entries.size() == kMaxBatchItems) return false;
    // An item that needs frames of its own waits until it is the first.
    if (!batch.entries.empty() && !fits_one_frame(*head)) return false;
    std::string index;
    const auto use = batch.first_use.find(head->topic);
    if (use != batch.first_use.end()) index = std::to_string(use->second);
    const bool is_short = !index.empty() && index.size() < head->topic_text.size();
    const bool is_first = batch.entries.empty();
    const std::size_t counted =
        head->counted + (is_short ? index.size() : head->counted_topic) + (is_first ? 0 : 1);
    const std::size_t bytes = head->message.size() + head->options.size() +
                              (is_short ? index.size() : head->topic_text.size()) + 5;
    if (batch.counted + counted > max_counted || batch.body.size() + bytes > max_bytes) {
        return false;
    }
    batch.counted += counted;
    if (!is_first) batch.body += ',';
    batch.body += '[';
    batch.body += is_short ? index : head->topic_text;
    batch.body += ',';
    batch.body += head->message;
    if (!head->options.empty()) {
        batch.body += ',';
        batch.body += head->options;
    }
    batch.body += ']';
    if (use == batch.first_use.end()) batch.first_use.emplace(head->topic, batch.entries.size());
    batch.entries.push_back({queue.lane.take(), batch.body.size()});
    return true;
}

std::string Outbox::compress(Queue& queue, core::MonotonicTime now, std::uint64_t seq,
                             Batch& batch) {
    std::string header;
    append_frame_header(header, FrameType::compressed, sequence_.epoch(), seq);
    header += '\n';
    const std::size_t room = options_.budget - counted_size(header, options_.counting);
    std::string best;
    std::size_t best_count = batch.entries.size();
    const auto try_count = [&](std::size_t count) {
        std::string packed = packer_->pack(batch.body_of(count));
        // Base64 is as long in every way of counting.
        if (packed.empty() || packed.size() > room) return false;
        best = header + packed;
        best_count = count;
        return true;
    };
    // Double until it does not fit, then halve the difference: each try costs some 10 us per
    // kilobyte, and payloads differ too much for an estimate to save many.
    std::size_t too_many = 0;
    while (too_many == 0) {
        const std::size_t wanted = best_count * 2;
        while (batch.entries.size() < wanted &&
               add_next(queue, now, batch, SIZE_MAX, kMaxBatchBytes - 2)) {
        }
        const std::size_t count = std::min(wanted, batch.entries.size());
        if (count == best_count) break;
        if (!try_count(count)) too_many = count;
    }
    while (too_many > best_count + 1) {
        const std::size_t middle = best_count + (too_many - best_count) / 2;
        if (!try_count(middle)) too_many = middle;
    }
    // What did not go in goes back, last first, to where it was.
    while (batch.entries.size() > best_count) {
        queue.lane.push_front(std::move(batch.entries.back().node));
        batch.entries.pop_back();
    }
    return best;
}

std::optional<OutgoingFrame> Outbox::build_batch(Queue& queue, core::MonotonicTime now) {
    const std::optional<std::uint64_t> seq = sequence_.take(queue.lane.real_topic(), 1);
    if (!seq) return {};
    Batch batch;
    batch.counted = header_size(FrameType::batch, sequence_.epoch(), *seq, options_.counting) + 2;
    while (add_next(queue, now, batch, options_.budget, kMaxBatchBytes - 2)) {
    }
    OutgoingFrame frame{
        .real_topic = queue.lane.real_topic(), .kind = queue.lane.kind(), .text = {}, .seq = *seq};
    if (capabilities_.zstd && !queue.lane.is_empty()) {
        frame.text = compress(queue, now, *seq, batch);
    }
    if (frame.text.empty()) {
        append_frame_header(frame.text, FrameType::batch, sequence_.epoch(), *seq);
        frame.text += '\n';
        frame.text += batch.body_of(batch.entries.size());
    }
    frame.messages.reserve(batch.entries.size());
    frame.deadline = core::MonotonicTime::min();
    for (const Batch::Entry& entry : batch.entries) {
        const Pending& message = entry.node.front();
        forget(message);
        frame.messages.push_back(message.id);
        frame.deadline = std::max(frame.deadline, message.deadline);
    }
    return frame;
}

std::vector<std::string_view> Outbox::slice(std::string_view item) const {
    const std::size_t room = options_.budget - chunk_header_size(options_.counting);
    std::vector<std::string_view> slices;
    std::size_t begin = 0;
    std::size_t counted = 0;
    for (std::size_t at = 0; at < item.size();) {
        const std::size_t size = character_size(item[at]);
        const std::size_t more = counted_size(item.substr(at, size), options_.counting);
        if (counted + more > room) {
            slices.push_back(item.substr(begin, at - begin));
            begin = at;
            counted = 0;
        }
        counted += more;
        at += size;
    }
    slices.push_back(item.substr(begin));
    return slices;
}

std::string Outbox::try_claim(const Pending& message, const std::string& item) {
    if (!capabilities_.http || !keep_claim_ || item.size() > options_.max_claim_bytes) return {};
    const std::string token = keep_claim_(item);
    if (token.empty()) return {};
    std::string body = "[" + message.topic_text + ",";
    json::append_string(body, token);
    if (!message.options.empty()) body += "," + message.options;
    body += ']';
    const std::string fields = " " + std::to_string(item.size());
    if (header_size(FrameType::claim, sequence_.epoch(), kLongestSeq, options_.counting) +
            fields.size() + counted_size(body, options_.counting) >
        options_.budget) {
        return {};
    }
    return fields + "\n" + body;
}

std::optional<OutgoingFrame> Outbox::build_large(Queue& queue) {
    Lane::Node node = queue.lane.take();
    const Pending& message = node.front();
    const std::string item = item_text(message);
    const std::vector<std::string_view> slices = slice(item);
    const std::string& topic = queue.lane.real_topic();
    std::vector<std::string> tails;  // what stands behind the number
    if (slices.size() > options_.max_chunks_before_claim) {
        std::string claim = try_claim(message, item);
        if (!claim.empty()) tails.push_back(std::move(claim));
    }
    const FrameType type = tails.empty() ? FrameType::chunk : FrameType::claim;
    if (tails.empty() && slices.size() > kMaxChunks) {
        drop(message, Error::message_too_large);
        return {};
    }
    if (tails.empty()) {
        ChunkPart part{.count = static_cast<unsigned>(slices.size()), .crc = crc32_of(item)};
        const std::string id = to_base36(++last_chunk_id_);
        part.id = id;
        for (const std::string_view piece : slices) {
            ++part.index;
            std::string& tail = tails.emplace_back();
            append_chunk_fields(tail, part);
            tail += '\n';
            tail += piece;
        }
    }
    const auto first = sequence_.take(topic, static_cast<unsigned>(tails.size()));
    if (!first) {
        queue.lane.push_front(std::move(node));
        return {};
    }
    for (std::size_t i = 0; i < tails.size(); ++i) {
        OutgoingFrame frame{.real_topic = topic,
                            .kind = queue.lane.kind(),
                            .text = {},
                            .seq = *first + i,
                            .messages = {message.id},
                            .deadline = message.deadline,
                            .is_last_part = i + 1 == tails.size()};
        append_frame_header(frame.text, type, sequence_.epoch(), frame.seq);
        frame.text += tails[i];
        queue.ready.push_back(std::move(frame));
    }
    forget(message);
    OutgoingFrame frame = std::move(queue.ready.front());
    queue.ready.pop_front();
    return frame;
}

}  // namespace pulse::roblox
