// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/frame_batch.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace pulse::cluster {

namespace {

constexpr std::size_t kSliceBytes = 12;

}  // namespace

void FrameBatch::add_piece(const char* begin, std::size_t size) {
    while (size != 0) {
        auto next = places_.upper_bound(begin);
        std::size_t part = size;
        if (next != places_.begin()) {
            const auto at = std::prev(next);
            const auto offset = static_cast<std::size_t>(begin - at->first);
            if (offset < at->second.size) {
                part = std::min(size, at->second.size - offset);
                scratch_.push_back({at->second.blob, static_cast<std::uint32_t>(offset),
                                    static_cast<std::uint32_t>(part)});
                begin += part;
                size -= part;
                continue;
            }
        }
        if (next != places_.end()) {
            part = std::min(part, static_cast<std::size_t>(next->first - begin));
        }
        const auto blob = static_cast<std::uint32_t>(blobs_.size());
        blobs_.emplace_back(begin, part);
        places_.emplace_hint(next, begin, Place{part, blob});
        bytes_ += sizeof(std::uint32_t) + part;
        scratch_.push_back({blob, 0, static_cast<std::uint32_t>(part)});
        begin += part;
        size -= part;
    }
}

bool FrameBatch::is_as_last(std::span<const iovec> pieces) const noexcept {
    return std::equal(pieces.begin(), pieces.end(), last_pieces_.begin(), last_pieces_.end(),
                      [](const iovec& one, const iovec& other) {
                          return one.iov_base == other.iov_base && one.iov_len == other.iov_len;
                      });
}

std::uint32_t FrameBatch::group_from(std::uint32_t from) {
    // From here on nothing may lack memory: a group that is known is there.
    if (groups_.size() == groups_.capacity()) groups_.reserve(groups_.size() * 2 + 4);
    const auto [place, is_new] = known_.try_emplace(scratch_, 0);
    if (is_new || place->second < from) {
        place->second = static_cast<std::uint32_t>(groups_.size());
        groups_.emplace_back(&place->first, std::exchange(spare_, {}));
        bytes_ += 8 + kSliceBytes * scratch_.size();
    }
    return place->second;
}

void FrameBatch::add(SessionNumber session, Mark& mark, std::span<const iovec> pieces) {
    // Groups are handed out one after another, so what a session gets later must stand later.
    const std::uint32_t from = mark.turn == turn_ ? mark.group + 1 : 0;
    // Thousands of sessions get the same, one after another.
    if (last_pieces_.empty() || last_group_ < from || !is_as_last(pieces)) {
        scratch_.clear();
        last_pieces_.clear();  // without memory for what follows there is no last
        for (const iovec& piece : pieces) {
            add_piece(static_cast<const char*>(piece.iov_base), piece.iov_len);
        }
        if (scratch_.empty()) return;
        last_group_ = group_from(from);
        last_pieces_.assign(pieces.begin(), pieces.end());
    }
    groups_[last_group_].second.push_back(session);
    mark = {turn_, last_group_};
    bytes_ += sizeof session;
}

void FrameBatch::write(std::string& out) {
    if (groups_.empty()) return;
    out.reserve(out.size() + bytes_ + 16);
    {
        RecordWriter record(RecordKind::frames, out);
        record.number(static_cast<std::uint32_t>(blobs_.size()));
        for (const std::string& blob : blobs_) record.text(blob);
        record.number(static_cast<std::uint32_t>(groups_.size()));
        for (const auto& [slices, sessions] : groups_) {
            record.number(static_cast<std::uint32_t>(slices->size()));
            for (const Slice& each : *slices) {
                record.number(each.blob).number(each.begin).number(each.size);
            }
            record.number(static_cast<std::uint32_t>(sessions.size()));
            for (const SessionNumber each : sessions) record.number(each);
        }
    }
    // The next turn's first group is likely to be as long.
    spare_ = std::move(groups_.front().second);
    spare_.clear();
    blobs_.clear();
    places_.clear();
    known_.clear();
    groups_.clear();
    last_pieces_.clear();
    bytes_ = 0;
    ++turn_;
}

std::shared_ptr<const Frames> Frames::read(std::string_view in) {
    auto frames = std::make_shared<Frames>();
    std::uint32_t count = 0;
    // Counts are not believed before there are the bytes for so many.
    if (!take_number(in, count) || in.size() / sizeof count < count) return nullptr;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> blobs;
    blobs.reserve(count);
    frames->blobs_.reserve(in.size());
    for (; count != 0; --count) {
        std::string_view blob;
        if (!take_bytes(in, blob)) return nullptr;
        blobs.emplace_back(static_cast<std::uint32_t>(frames->blobs_.size()),
                           static_cast<std::uint32_t>(blob.size()));
        frames->blobs_ += blob;
    }
    if (frames->blobs_.size() > std::numeric_limits<std::uint32_t>::max() / 2) return nullptr;
    if (!take_number(in, count) || in.size() / 8 < count) return nullptr;
    frames->groups_.resize(count);
    for (Group& group : frames->groups_) {
        if (!take_number(in, count) || in.size() / kSliceBytes < count) return nullptr;
        group.slices.reserve(count);
        for (; count != 0; --count) {
            std::uint32_t blob = 0;
            std::uint32_t begin = 0;
            std::uint32_t size = 0;
            if (!take_number(in, blob) || !take_number(in, begin) || !take_number(in, size) ||
                blob >= blobs.size() || begin > blobs[blob].second ||
                size > blobs[blob].second - begin) {
                return nullptr;
            }
            group.slices.push_back({blobs[blob].first + begin, size});
        }
        if (!take_number(in, count) || in.size() / sizeof(SessionNumber) < count) return nullptr;
        group.sessions.reserve(count);
        for (; count != 0; --count) {
            SessionNumber session = 0;
            if (!take_number(in, session)) return nullptr;
            group.sessions.push_back(session);
        }
    }
    if (!in.empty()) return nullptr;
    return frames;
}

core::ChunkRef Frames::chunk(core::MemoryBudget* budget) const {
    core::ChunkRef chunk = core::ChunkRef::allocate(blobs_.size(), budget);
    if (chunk && !blobs_.empty()) std::memcpy(chunk->data(), blobs_.data(), blobs_.size());
    return chunk;
}

}  // namespace pulse::cluster
