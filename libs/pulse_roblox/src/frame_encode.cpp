// SPDX-License-Identifier: MIT OR Apache-2.0
#include "frame_writer.hpp"
#include "json/text.hpp"

#include <array>
#include <charconv>
#include <unordered_map>

#include <zlib.h>

namespace pulse::roblox {

std::size_t counted_size(std::string_view text, Counting counting) noexcept {
    switch (counting) {
        case Counting::escaped:
            return json::escaped_size(text);
        case Counting::bytes:
            return text.size();
        case Counting::chars:
            break;
    }
    std::size_t units = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0U) != 0x80) ++units;  // the first byte of a character
        if (byte >= 0xf0) ++units;            // which takes a surrogate pair
    }
    return units;
}

void append_frame_header(std::string& out, FrameType type, std::string_view epoch,
                         std::uint64_t seq) {
    out += "P1";
    out += static_cast<char>(type);
    out += ' ';
    out += epoch;
    out += ' ';
    out += std::to_string(seq);
}

void append_chunk_fields(std::string& out, const ChunkPart& part) {
    out += ' ';
    out += part.id;
    out += ' ';
    out += std::to_string(part.index);
    out += '/';
    out += std::to_string(part.count);
    out += ' ';
    std::array<char, 8> hex{};
    const auto result = std::to_chars(hex.data(), hex.data() + hex.size(), part.crc, 16);
    const auto digits = static_cast<std::size_t>(result.ptr - hex.data());
    out.append(hex.size() - digits, '0');
    out.append(hex.data(), digits);
}

std::uint32_t crc32_of(std::string_view text) noexcept {
    return static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const unsigned char*>(text.data()), text.size()));
}

std::string encode_item_options(const ItemOptions& options) {
    std::string out;
    const auto name = [&out](char letter) {
        out += out.empty() ? '{' : ',';
        out += '"';
        out += letter;
        out += "\":";
    };
    if (options.servers.size() == 1) {
        name('s');
        json::append_string(out, options.servers.front());
    } else if (!options.servers.empty()) {
        name('s');
        out += '[';
        for (const std::string& server : options.servers) {
            if (out.back() != '[') out += ',';
            json::append_string(out, server);
        }
        out += ']';
    }
    if (!options.sender.empty()) {
        name('f');
        json::append_string(out, options.sender);
    }
    if (options.sent_at_ms != 0) {
        name('t');
        out += std::to_string(options.sent_at_ms);
    }
    if (options.spread_seq != 0) {
        name('n');
        out += std::to_string(options.spread_seq);
    }
    if (!out.empty()) out += '}';
    return out;
}

namespace {

void append_item(std::string& out, const Item& item, std::string_view topic_text) {
    out += '[';
    out += topic_text;
    out += ',';
    out += item.message;
    const std::string options = encode_item_options(item.options);
    if (!options.empty()) {
        out += ',';
        out += options;
    }
    out += ']';
}

}  // namespace

std::string encode_item(const Item& item) {
    std::string topic;
    json::append_string(topic, item.topic);
    std::string out;
    append_item(out, item, topic);
    return out;
}

std::string encode_batch(std::string_view epoch, std::uint64_t seq,
                         const std::vector<Item>& items) {
    std::string out;
    append_frame_header(out, FrameType::batch, epoch, seq);
    out += "\n[";
    std::unordered_map<std::string_view, std::size_t> first_use;
    std::string topic;
    for (std::size_t i = 0; i < items.size(); ++i) {
        topic.clear();
        json::append_string(topic, items[i].topic);
        const auto [use, is_first] = first_use.emplace(items[i].topic, i);
        if (!is_first) {
            const std::string index = std::to_string(use->second);
            if (index.size() < topic.size()) topic = index;
        }
        if (i != 0) out += ',';
        append_item(out, items[i], topic);
    }
    out += ']';
    return out;
}

std::string encode_wake(std::string_view epoch, std::uint64_t seq, std::string_view cursor) {
    std::string out;
    append_frame_header(out, FrameType::wake, epoch, seq);
    out += ' ';
    out += cursor;
    out += '\n';
    return out;
}

}  // namespace pulse::roblox
