// SPDX-License-Identifier: MIT OR Apache-2.0
#include "item_reader.hpp"
#include "json/reader.hpp"
#include "zstd_text.hpp"

#include <algorithm>
#include <charconv>

#include <pulse/protocol/utf8.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

constexpr std::uint64_t kMaxInteger = (std::uint64_t{1} << 53) - 1;  // what Luau holds exactly

[[nodiscard]] bool is_lower_alnum(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

/// A decimal without sign and leading zeros, 1 … max.
template <typename Int>
[[nodiscard]] bool parse_positive(std::string_view text, Int max, Int& out) noexcept {
    if (text.empty() || text.front() == '0') return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out >= 1 && out <= max;
}

/// The words of a header line, one space between two.
class Words {
  public:
    explicit Words(std::string_view line) noexcept : rest_(line) {}
    [[nodiscard]] std::string_view next() noexcept {
        const std::size_t end = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        is_done_ = end == rest_.size();
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return word;
    }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }

  private:
    std::string_view rest_;
    bool is_done_ = false;
};

[[nodiscard]] bool parse_chunk(Words& words, ChunkPart& part) noexcept {
    part.id = words.next();
    const std::string_view place = words.next();
    const std::string_view crc = words.next();
    if (part.id.empty() || part.id.size() > kMaxChunkIdBytes || !is_lower_alnum(part.id)) {
        return false;
    }
    const std::size_t slash = place.find('/');
    if (slash == std::string_view::npos ||
        !parse_positive(place.substr(slash + 1), kMaxChunks, part.count) ||
        !parse_positive(place.substr(0, slash), part.count, part.index)) {
        return false;
    }
    if (crc.size() != 8 || !is_lower_alnum(crc)) return false;
    const auto [end, error] = std::from_chars(crc.data(), crc.data() + crc.size(), part.crc, 16);
    return error == std::errc{} && end == crc.data() + crc.size();
}

[[nodiscard]] bool is_valid_cursor(std::string_view cursor) noexcept {
    if (cursor.empty() || cursor.size() > kMaxCursorBytes) return false;
    return std::all_of(cursor.begin(), cursor.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == ':' || c == '.' || c == '_' || c == '-';
    });
}

[[nodiscard]] bool parse_fields(Words& words, FrameView& frame) noexcept {
    switch (frame.type) {
        case FrameType::batch:
        case FrameType::compressed:
            return true;
        case FrameType::chunk:
            return parse_chunk(words, frame.chunk) && !frame.body.empty();
        case FrameType::claim:
            return parse_positive(words.next(), kMaxInteger, frame.claim_bytes);
        case FrameType::wake:
            frame.cursor = words.next();
            return is_valid_cursor(frame.cursor) && frame.body.empty();
    }
    return false;
}

[[nodiscard]] bool read_servers(json::Reader& reader, std::vector<std::string>& servers) {
    servers.clear();
    const auto read_one = [&] {
        std::string id;
        if (!reader.read_string(id) || !is_valid_server_id(id)) return false;
        servers.push_back(std::move(id));
        return true;
    };
    if (reader.peek() != json::Kind::array) return read_one();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        if (servers.size() == kMaxTargets || !read_one()) return false;
    }
    return reader.ok();
}

[[nodiscard]] bool read_uplink_option(json::Reader& reader, const std::string& key,
                                      UplinkOptions& options) {
    std::string text;
    if (key == "d" || key == "destination") {
        if (!reader.read_string(text) || (text != "roblox" && text != "server")) return false;
        options.destination = text == "roblox" ? Destination::roblox : Destination::server;
        return true;
    }
    if (key == "ttl") {
        double seconds = 0;
        if (!reader.read_number(seconds) || !(seconds >= 1) || !(seconds <= 300)) return false;
        options.ttl = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1'000));
        return true;
    }
    if (key == "key") {
        if (!reader.read_string(text) || text.size() > kMaxCoalesceKeyBytes) return false;
        options.key = std::move(text);
        return true;
    }
    return reader.skip();  // of a later version
}

[[nodiscard]] bool read_options(json::Reader& reader, ItemOptions& options, UplinkOptions* uplink) {
    if (!reader.enter_object()) return false;
    std::string key;
    while (reader.next_member(key)) {
        bool is_good = false;
        if (key == "s") {
            is_good = read_servers(reader, options.servers);
        } else if (key == "f") {
            options.sender.clear();
            is_good = reader.read_string(options.sender) && is_valid_server_id(options.sender);
        } else if (key == "t") {
            is_good = reader.read_uint(options.sent_at_ms);
        } else if (key == "n") {
            is_good = reader.read_uint(options.spread_seq);
        } else if (uplink != nullptr) {
            is_good = read_uplink_option(reader, key, *uplink);
        } else {
            is_good = reader.skip();  // of a later version
        }
        if (!is_good) return false;
    }
    return reader.ok();
}

/// The array around an item; `read_middle` reads its second place.
template <typename ReadMiddle>
[[nodiscard]] bool read_item(json::Reader& reader, const std::vector<Item>* before,
                             std::string& topic, ItemOptions& options, UplinkOptions* uplink,
                             ReadMiddle read_middle) {
    if (!reader.enter_array() || !reader.next_item()) return false;
    if (before != nullptr && reader.peek() == json::Kind::number) {
        std::uint64_t index = 0;
        if (!reader.read_uint(index) || index >= before->size()) return false;
        topic = (*before)[static_cast<std::size_t>(index)].topic;
    } else if (!reader.read_string(topic) || !is_valid_topic(topic)) {
        return false;
    }
    if (!reader.next_item() || !read_middle()) return false;
    if (reader.next_item()) {
        if (!read_options(reader, options, uplink)) return false;
        if (reader.next_item()) return false;
    }
    return reader.ok();
}

}  // namespace

bool read_message_item(json::Reader& reader, const std::vector<Item>* before, Item& item,
                       UplinkOptions* uplink) {
    return read_item(reader, before, item.topic, item.options, uplink,
                     [&] { return reader.take(item.message); });
}

namespace {

[[nodiscard]] core::Result<std::vector<Item>> decode_batch(std::string_view body) {
    json::Reader reader(body);
    std::vector<Item> items;
    if (!reader.enter_array()) return refuse(Error::invalid_frame);
    while (reader.next_item()) {
        Item item;
        if (items.size() == kMaxBatchItems || !read_message_item(reader, &items, item)) {
            return refuse(Error::invalid_frame);
        }
        items.push_back(std::move(item));
    }
    if (!reader.finish()) return refuse(Error::invalid_frame);
    return items;
}

}  // namespace

core::Result<FrameView> decode_frame(std::string_view text) {
    const std::size_t line_end = text.find('\n');
    if (!is_frame(text) || text.size() > kMaxFrameBytes || line_end == std::string_view::npos ||
        line_end < 4 || !protocol::is_valid_utf8(text)) {
        return refuse(Error::invalid_frame);
    }
    FrameView frame;
    frame.type = static_cast<FrameType>(text[2]);
    if (std::string_view("BCZGW").find(text[2]) == std::string_view::npos) {
        return refuse(Error::unsupported_frame);
    }
    frame.body = text.substr(line_end + 1);
    if (text[3] != ' ') return refuse(Error::invalid_frame);
    Words words(text.substr(4, line_end - 4));
    frame.epoch = words.next();
    if (frame.epoch.size() != kEpochBytes || !is_lower_alnum(frame.epoch) ||
        !parse_positive(words.next(), kMaxInteger, frame.seq) || !parse_fields(words, frame) ||
        !words.is_done()) {
        return refuse(Error::invalid_frame);
    }
    return frame;
}

core::Result<std::vector<Item>> decode_items(const FrameView& frame) {
    if (frame.type == FrameType::batch) return decode_batch(frame.body);
    if (frame.type != FrameType::compressed) return refuse(Error::invalid_frame);
    const core::Result<std::string> body = unpack_zstd(frame.body);
    if (!body) return tl::unexpected{body.error()};
    return decode_batch(*body);
}

core::Result<Item> decode_item(std::string_view text) {
    json::Reader reader(text);
    Item item;
    if (!read_message_item(reader, nullptr, item) || !reader.finish()) {
        return refuse(Error::invalid_frame);
    }
    return item;
}

core::Result<Claim> decode_claim(const FrameView& frame) {
    json::Reader reader(frame.body);
    Claim claim;
    const bool is_good = frame.type == FrameType::claim &&
                         read_item(reader, nullptr, claim.topic, claim.options, nullptr,
                                   [&] { return reader.read_string(claim.token); }) &&
                         reader.finish() && !claim.token.empty() &&
                         claim.token.size() <= kMaxClaimTokenBytes;
    if (!is_good) return refuse(Error::invalid_frame);
    return claim;
}

}  // namespace pulse::roblox
