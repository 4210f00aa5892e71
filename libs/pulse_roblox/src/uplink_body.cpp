// SPDX-License-Identifier: MIT OR Apache-2.0
#include "item_reader.hpp"
#include "json/reader.hpp"
#include "real_topics.hpp"

#include <algorithm>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/names.hpp>
#include <pulse/roblox/uplink_body.hpp>

namespace pulse::roblox {

namespace {

using json::Kind;

constexpr std::size_t kMaxCapabilities = 16;

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

[[nodiscard]] bool read_text(json::Reader& reader, std::string& out, std::size_t max_bytes) {
    out.clear();
    return reader.read_string(out) && out.size() <= max_bytes;
}

[[nodiscard]] bool read_pair(json::Reader& reader, MissingRange& range) {
    const bool is_read = reader.enter_array() && reader.next_item() &&
                         reader.read_uint(range.first) && reader.next_item() &&
                         reader.read_uint(range.last);
    return is_read && !reader.next_item() && reader.ok() && range.first >= 1 &&
           range.first <= range.last;
}

/// `[epoch, real topic, [[first, last], …]]`
[[nodiscard]] bool read_stream(json::Reader& reader, std::vector<MissingRange>& ranges) {
    MissingRange range;
    const bool is_read = reader.enter_array() && reader.next_item() &&
                         read_text(reader, range.epoch, kEpochBytes) && reader.next_item() &&
                         read_text(reader, range.real_topic, kMaxRealTopicBytes) &&
                         reader.next_item() && reader.enter_array();
    if (!is_read) return false;
    while (reader.next_item()) {
        if (ranges.size() == kMaxMissingRanges || !read_pair(reader, range)) return false;
        ranges.push_back(range);
    }
    return reader.ok() && !reader.next_item() && reader.ok();
}

[[nodiscard]] bool read_ranges(json::Reader& reader, std::vector<MissingRange>& ranges) {
    ranges.clear();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        if (!read_stream(reader, ranges)) return false;
    }
    return reader.ok();
}

[[nodiscard]] bool read_messages(json::Reader& reader, UplinkBatch& batch) {
    std::vector<Item>& messages = batch.messages;
    messages.clear();
    batch.options.clear();
    if (!reader.enter_array()) return false;
    while (reader.next_item()) {
        UplinkOptions options;
        if (messages.size() == kMaxUplinkMessages ||
            !read_message_item(reader, nullptr, messages.emplace_back(), &options)) {
            return false;
        }
        if (!options.is_default()) {
            batch.options.resize(messages.size());
            batch.options.back() = std::move(options);
        }
    }
    return reader.ok();
}

/// `<JobId>-<n>`: a server can then not use up or collide with another's.
[[nodiscard]] bool is_batch_id_of(std::string_view batch, std::string_view server) noexcept {
    if (batch.size() <= server.size() + 1 || !batch.starts_with(server) ||
        batch[server.size()] != '-') {
        return false;
    }
    return std::all_of(batch.begin() + static_cast<std::ptrdiff_t>(server.size()) + 1, batch.end(),
                       [](char c) { return c >= '0' && c <= '9'; });
}

[[nodiscard]] bool read_capabilities(json::Reader& reader, ServerHello& hello) {
    if (!reader.enter_array()) return false;
    std::size_t count = 0;
    while (reader.next_item()) {
        std::string name;
        if (++count > kMaxCapabilities || !reader.read_string(name)) return false;
        if (name == "v1") hello.speaks_v1 = true;
        if (name == "z") hello.has_zstd = true;
        if (name == "http") hello.has_http = true;
        if (name == "poll") hello.polls = true;
    }
    return reader.ok();
}

/// Whether the text is JSON at all, for the error to say.
[[nodiscard]] Error reason_of(std::string_view body) {
    json::Reader reader(body);
    return reader.skip() && reader.finish() ? Error::invalid_message : Error::invalid_json;
}

}  // namespace

core::Result<UplinkBatch> parse_batch_body(std::string_view body) {
    if (body.size() > kMaxUnpackedBodyBytes) return refuse(Error::body_too_large);
    json::Reader reader(body);
    UplinkBatch batch;
    if (!reader.enter_object()) return refuse(reason_of(body));
    std::string key;
    while (reader.next_member(key)) {
        const bool is_read = key == "server"    ? read_text(reader, batch.server, kMaxServerIdBytes)
                             : key == "batch"   ? read_text(reader, batch.batch, kMaxBatchIdBytes)
                             : key == "ack"     ? read_text(reader, batch.ack, kMaxCursorBytes)
                             : key == "missing" ? read_ranges(reader, batch.missing)
                             : key == "msgs"    ? read_messages(reader, batch)
                                                : reader.skip();
        if (!is_read) return refuse(reason_of(body));
    }
    if (!reader.finish()) return refuse(reason_of(body));
    if (!is_valid_server_id(batch.server)) return refuse(Error::invalid_server_id);
    if (!is_batch_id_of(batch.batch, batch.server)) return refuse(Error::invalid_message);
    return batch;
}

const UplinkOptions& UplinkBatch::options_of(std::size_t message) const noexcept {
    static const UplinkOptions kDefault;
    return message < options.size() ? options[message] : kDefault;
}

core::Result<ServerHello> parse_hello_body(std::string_view body) {
    if (body.size() > kMaxUnpackedBodyBytes) return refuse(Error::body_too_large);
    json::Reader reader(body);
    ServerHello hello;
    if (!reader.enter_object()) return refuse(reason_of(body));
    std::string key;
    std::uint64_t shards = 0;
    std::string transport;
    while (reader.next_member(key)) {
        const bool is_read = key == "server"    ? read_text(reader, hello.server, kMaxServerIdBytes)
                             : key == "place"   ? reader.read_uint(hello.place)
                             : key == "version" ? reader.read_uint(hello.version)
                             : key == "players" ? reader.read_uint(hello.players)
                             : key == "published" ? reader.read_uint(hello.published)
                             : key == "shards"    ? reader.read_uint(shards)
                             : key == "caps"      ? read_capabilities(reader, hello)
                             : key == "transport" ? read_text(reader, transport, 16)
                                                  : reader.skip();
        if (!is_read) return refuse(reason_of(body));
    }
    if (!reader.finish()) return refuse(reason_of(body));
    if (!is_valid_server_id(hello.server)) return refuse(Error::invalid_server_id);
    if (shards > kMaxShards) return refuse(Error::invalid_message);
    if (!transport.empty()) {
        hello.transport = parse_server_transport(transport);
        if (!hello.transport) return refuse(Error::invalid_message);
    }
    hello.shards = static_cast<unsigned>(shards);
    return hello;
}

}  // namespace pulse::roblox
