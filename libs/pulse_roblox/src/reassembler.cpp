// SPDX-License-Identifier: MIT OR Apache-2.0
#include "reassembler.hpp"

#include "frame_writer.hpp"

#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

void Reassembler::drop(Assemblies::iterator assembly) {
    bytes_ -= assembly->bytes;
    by_key_.erase(assembly->key);
    open_.erase(assembly);
    ++dropped_;
}

void Reassembler::expire(core::MonotonicTime now) {
    while (!open_.empty() && open_.front().begun + options_.timeout <= now) drop(open_.begin());
}

core::Result<std::optional<std::string>> Reassembler::add(const FrameView& frame,
                                                          core::MonotonicTime now) {
    const ChunkPart& part = frame.chunk;
    if (frame.type != FrameType::chunk || part.count < 1 || part.count > kMaxChunks ||
        part.index < 1 || part.index > part.count || frame.body.empty() ||
        frame.body.size() > options_.max_bytes) {
        return tl::unexpected{make_error_code(Error::invalid_frame)};
    }
    expire(now);
    Key key{frame.epoch, part.id};
    auto found = by_key_.find(key);
    if (found == by_key_.end()) {
        if (open_.size() >= options_.max_open) drop(open_.begin());
        Assembly assembly{.key = key,
                          .begun = now,
                          .count = part.count,
                          .missing = part.count,
                          .crc = part.crc,
                          .bytes = 0,
                          .pieces = std::vector<std::string>(part.count)};
        open_.push_back(std::move(assembly));
        found = by_key_.emplace(std::move(key), std::prev(open_.end())).first;
    }
    const Assemblies::iterator assembly = found->second;
    if (assembly->count != part.count || assembly->crc != part.crc) {
        drop(assembly);
        return tl::unexpected{make_error_code(Error::invalid_frame)};
    }
    std::string& piece = assembly->pieces[part.index - 1];
    if (!piece.empty()) return std::optional<std::string>{};  // again
    // Only what is given up makes room, the oldest first; never the one that is being added to.
    while (bytes_ + frame.body.size() > options_.max_bytes && open_.begin() != assembly) {
        drop(open_.begin());
    }
    while (bytes_ + frame.body.size() > options_.max_bytes && open_.size() > 1) {
        drop(std::next(assembly));
    }
    if (bytes_ + frame.body.size() > options_.max_bytes) {
        drop(assembly);
        return tl::unexpected{make_error_code(Error::message_too_large)};
    }
    piece = frame.body;
    bytes_ += piece.size();
    assembly->bytes += piece.size();
    if (--assembly->missing != 0) return std::optional<std::string>{};

    std::string text;
    text.reserve(assembly->bytes);
    for (const std::string& each : assembly->pieces) text += each;
    if (crc32_of(text) != assembly->crc) {
        drop(assembly);
        return tl::unexpected{make_error_code(Error::checksum_mismatch)};
    }
    drop(assembly);
    --dropped_;  // not given up: done
    return std::optional<std::string>{std::move(text)};
}

}  // namespace pulse::roblox
