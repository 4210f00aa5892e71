// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relay/records.hpp"

#include <algorithm>

#include <pulse/core/http_text.hpp>
#include <pulse/protocol/bytes.hpp>

namespace pulse::cluster {

namespace {

constexpr std::size_t kMaxFields = 1'000;

[[nodiscard]] bool take_text(std::string_view& in, std::string& out) {
    std::string_view bytes;
    if (!take_bytes(in, bytes)) return false;
    out = bytes;
    return true;
}

[[nodiscard]] bool take_address(std::string_view& in, core::PeerAddress& peer) noexcept {
    std::uint8_t is_v6 = 0;
    for (std::uint8_t& byte : peer.bytes) {
        if (!take_number(in, byte)) return false;
    }
    if (!take_number(in, peer.port) || !take_number(in, is_v6) || is_v6 > 1) return false;
    peer.is_v6 = is_v6 == 1;
    return true;
}

[[nodiscard]] bool take_pairs(std::string_view& in, TextPairs& pairs) {
    std::uint16_t count = 0;
    if (!take_number(in, count) || count > kMaxFields) return false;
    pairs.clear();
    for (; count != 0; --count) {
        auto& [name, value] = pairs.emplace_back();
        if (!take_text(in, name) || !take_text(in, value)) return false;
    }
    return true;
}

}  // namespace

core::OpenRequest OpenRecord::view() const {
    core::OpenRequest request;
    request.path = path;
    request.query = query;
    request.peer = peer;
    request.is_encrypted = is_encrypted;
    request.subprotocol = subprotocol;
    request.header = [this](std::string_view name) -> std::string_view {
        for (const auto& [known, value] : headers) {
            if (core::http::iequals(known, name)) return value;
        }
        return {};
    };
    return request;
}

RecordWriter::~RecordWriter() {
    const std::size_t size = out_.size() - begin_ - sizeof(std::uint32_t);
    for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i) {
        out_[begin_ + i] = static_cast<char>(static_cast<std::uint8_t>((size >> (8 * i)) & 0xff));
    }
}

RecordWriter& RecordWriter::address(const core::PeerAddress& peer) {
    for (const std::uint8_t byte : peer.bytes) append_number(byte, out_);
    append_number(peer.port, out_);
    append_number(static_cast<std::uint8_t>(peer.is_v6 ? 1 : 0), out_);
    return *this;
}

RecordWriter& RecordWriter::pairs(const TextPairs& pairs) {
    const std::size_t count = std::min(pairs.size(), kMaxFields);
    append_number(static_cast<std::uint16_t>(count), out_);
    for (std::size_t i = 0; i < count; ++i) text(pairs[i].first).text(pairs[i].second);
    return *this;
}

void write_open(SessionNumber session, const OpenRecord& open, std::string& out) {
    RecordWriter(RecordKind::open, out)
        .number(session)
        .text(open.space)
        .text(open.key)
        .text(open.path)
        .text(open.query)
        .text(open.subprotocol)
        .address(open.peer)
        .number(static_cast<std::uint8_t>(open.is_encrypted ? 1 : 0))
        .pairs(open.headers);
}

void write_message(SessionNumber session, core::MessageKind kind, core::ByteView message,
                   std::string& out) {
    RecordWriter(RecordKind::message, out)
        .number(session)
        .number(static_cast<std::uint8_t>(kind == core::MessageKind::text ? 1 : 0))
        .rest(protocol::as_text(message));
}

void write_end(SessionNumber session, const core::CloseEvent& event, std::string& out) {
    RecordWriter(RecordKind::end, out)
        .number(session)
        .number(event.code)
        .number(static_cast<std::uint8_t>(event.is_clean ? 1 : 0))
        .text(event.text);
}

void write_request(const RequestRecord& record, std::string& out) {
    const core::HttpRequest& request = record.request;
    RecordWriter(RecordKind::request, out)
        .number(record.number)
        .text(record.route)
        .text(record.key)
        .number(record.patience_ms)
        .text(request.method)
        .text(request.path)
        .text(request.query)
        .address(request.peer)
        .pairs(request.headers)
        .pairs(request.parameters)
        .text(request.body);
}

void write_opened(SessionNumber session, std::uint64_t max_message, std::string& out) {
    RecordWriter(RecordKind::opened, out).number(session).number(max_message);
}

void write_refused(SessionNumber session, Refused why, std::string_view text, std::string& out) {
    RecordWriter(RecordKind::refused, out)
        .number(session)
        .number(static_cast<std::uint8_t>(why))
        .text(text);
}

void write_closed(SessionNumber session, std::uint16_t code, std::string_view text,
                  std::string& out) {
    RecordWriter(RecordKind::closed, out).number(session).number(code).text(text);
}

void write_credit(SessionNumber session, std::uint32_t bytes, std::string& out) {
    RecordWriter(RecordKind::credit, out).number(session).number(bytes);
}

void write_answer(std::uint64_t number, const core::HttpResponse& response, std::string& out) {
    RecordWriter(RecordKind::answer, out)
        .number(number)
        .number(static_cast<std::uint16_t>(response.status))
        .text(response.content_type)
        .pairs(response.headers)
        .text(response.body);
}

std::optional<RecordKind> take_kind(std::string_view& in) noexcept {
    std::uint8_t number = 0;
    if (!take_number(in, number)) return std::nullopt;
    const auto kind = static_cast<RecordKind>(number);
    const bool is_of_gate = kind >= RecordKind::open && kind <= RecordKind::request;
    const bool is_of_host = kind >= RecordKind::opened && kind <= RecordKind::answer;
    if (!is_of_gate && !is_of_host) return std::nullopt;
    return kind;
}

bool read_open(std::string_view in, SessionNumber& session, OpenRecord& open) {
    std::uint8_t flags = 0;
    if (!take_number(in, session) || !take_text(in, open.space) || !take_text(in, open.key) ||
        !take_text(in, open.path) || !take_text(in, open.query) ||
        !take_text(in, open.subprotocol) || !take_address(in, open.peer) ||
        !take_number(in, flags) || flags > 1 || !take_pairs(in, open.headers)) {
        return false;
    }
    open.is_encrypted = flags == 1;
    return in.empty();
}

bool read_request(std::string_view in, RequestRecord& record) {
    core::HttpRequest& request = record.request;
    return take_number(in, record.number) && take_text(in, record.route) &&
           take_text(in, record.key) && take_number(in, record.patience_ms) &&
           take_text(in, request.method) && take_text(in, request.path) &&
           take_text(in, request.query) && take_address(in, request.peer) &&
           take_pairs(in, request.headers) && take_pairs(in, request.parameters) &&
           take_text(in, request.body) && in.empty();
}

bool read_answer(std::string_view in, AnswerRecord& answer) {
    std::uint16_t status = 0;
    core::HttpResponse& response = answer.response;
    if (!take_number(in, answer.number) || !take_number(in, status) || status < 200 ||
        status > 599 || !take_text(in, response.content_type) ||
        !take_pairs(in, response.headers) || !take_text(in, response.body)) {
        return false;
    }
    response.status = status;
    return in.empty();
}

}  // namespace pulse::cluster
