// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a node where a client is (the gate) and the one that owns the client's key (the host) say to
// one another, as records of NodeMail.
//
//   record = u32 length, kind (u8), body
//
//   gate to host
//     open     session, space, key, path, query, subprotocol, address, flags (u8: 1 encrypted),
//              count (u16) of headers (name, value)
//     message  session, kind (u8: 0 binary, 1 text), the rest: the message
//     end      session, code (u16), clean (u8), text: the client is gone
//     request  number (u64), route, key, patience in ms (u32), method, path, query, address,
//              headers, count (u16) of parameters (name, value), body
//   host to gate
//     opened   session, longest message (u64)
//     refused  session, why (u8: Refused), text
//     frames   count (u32) of blobs, count (u32) of groups; a group: count (u32) of slices (blob,
//              begin, size, each u32), count (u32) of sessions
//     closed   session, code (u16), text
//     credit   session, bytes (u32) of messages that have been dealt with
//     answer   number (u64), status (u16), content type, headers, body
//
// A session is a u64 that the gate chose, another one each time that it asks for a client; texts
// are a u32 length and bytes; an address is 16 bytes, port (u16), is_v6 (u8). Numbers are
// little-endian.
#pragma once

#include "bytes.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>

namespace pulse::cluster {

enum class RecordKind : std::uint8_t {
    open = 1,
    message,
    end,
    request,
    opened = 16,
    refused,
    frames,
    closed,
    credit,
    answer,
};

enum class Refused : std::uint8_t {
    not_owner = 1,  ///< it may be another's by now
    draining,       ///< it will be another's soon
    unwanted,       ///< the dialect does not let this client in
};

using SessionNumber = std::uint64_t;
using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// How a client asked for its connection, owned.
struct OpenRecord {
    std::string space;
    std::string key;
    std::string path;
    std::string query;
    std::string subprotocol;
    core::PeerAddress peer;
    bool is_encrypted = false;
    TextPairs headers;  ///< names in lower case

    /// Borrows from this.
    [[nodiscard]] core::OpenRequest view() const;
};

struct RequestRecord {
    std::uint64_t number = 0;
    std::string route;
    std::string key;
    std::uint32_t patience_ms = 0;
    core::HttpRequest request;
};

struct AnswerRecord {
    std::uint64_t number = 0;
    core::HttpResponse response;
};

/// Writes one record at the end of `out`: its length is filled in when it goes.
class RecordWriter {
  public:
    RecordWriter(RecordKind kind, std::string& out) : out_(out), begin_(out.size()) {
        append_number(std::uint32_t{0}, out_);
        append_number(static_cast<std::uint8_t>(kind), out_);
    }
    ~RecordWriter();
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;

    template <typename Number>
    RecordWriter& number(Number value) {
        append_number(value, out_);
        return *this;
    }
    RecordWriter& text(std::string_view bytes) {
        append_bytes(bytes, out_);
        return *this;
    }
    RecordWriter& rest(std::string_view bytes) {
        out_ += bytes;
        return *this;
    }
    RecordWriter& address(const core::PeerAddress& peer);
    RecordWriter& pairs(const TextPairs& pairs);

  private:
    std::string& out_;
    const std::size_t begin_;
};

void write_open(SessionNumber session, const OpenRecord& open, std::string& out);
void write_message(SessionNumber session, core::MessageKind kind, core::ByteView message,
                   std::string& out);
void write_end(SessionNumber session, const core::CloseEvent& event, std::string& out);
void write_request(const RequestRecord& request, std::string& out);
void write_opened(SessionNumber session, std::uint64_t max_message, std::string& out);
void write_refused(SessionNumber session, Refused why, std::string_view text, std::string& out);
void write_closed(SessionNumber session, std::uint16_t code, std::string_view text,
                  std::string& out);
void write_credit(SessionNumber session, std::uint32_t bytes, std::string& out);
void write_answer(std::uint64_t number, const core::HttpResponse& response, std::string& out);

/// The kind; `in` is then the body. Nothing for one that there is not.
[[nodiscard]] std::optional<RecordKind> take_kind(std::string_view& in) noexcept;
// Bodies. False, and the result in any state, unless all of it makes sense.
[[nodiscard]] bool read_open(std::string_view in, SessionNumber& session, OpenRecord& open);
[[nodiscard]] bool read_request(std::string_view in, RequestRecord& request);
[[nodiscard]] bool read_answer(std::string_view in, AnswerRecord& answer);

}  // namespace pulse::cluster
