// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is asked of JetStream and what it answers: JSON, of which only what is needed is looked at.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/history.hpp>

namespace pulse::cluster::nats_api {

/// "err_code" of an answer.
inline constexpr int kMessageNotFound = 10037;
inline constexpr int kStreamNotFound = 10059;
inline constexpr int kStreamNameInUse = 10058;

struct Failure {
    int code = 0;  ///< 0: it did not fail
    std::string text;
    explicit operator bool() const noexcept { return code != 0; }
};

/// Of a publication, or another answer of which only the failure matters.
struct Ack {
    Failure failure;
    std::uint64_t sequence = 0;
    bool is_refused = false;  ///< another one is behind that last message; nothing was stored
};
[[nodiscard]] Ack read_ack(std::string_view json);

/// Of a message that is stored only behind the last one of its subject, with that sequence; 0:
/// behind none. Where several servers keep the stream 2.9 looks at this before it has stored what
/// is under way, so that two messages may pass. Therefore they have one name there, and only one of
/// a name is stored.
[[nodiscard]] std::vector<std::pair<const char*, std::string>> behind(const std::string& subject,
                                                                      std::uint64_t last,
                                                                      bool is_replicated);

/// Subjects of a stream and of what it republishes; each ends with a dot, and one token follows.
struct StreamSetup {
    std::string name;
    std::string from;
    std::string to;
    core::HistoryPolicy policy;
    std::size_t replicas = 1;
};
/// To create it.
[[nodiscard]] std::string stream_config(const StreamSetup& setup);

struct StreamInfo {
    Failure failure;
    bool is_fit = false;  ///< takes and republishes what it should, and keeps enough
    bool is_replicated = false;
    std::string created;
    std::uint64_t last_sequence = 0;
};
[[nodiscard]] StreamInfo read_stream_info(std::string_view json, const StreamSetup& setup);

/// The last message of a subject.
[[nodiscard]] std::string last_message_of(std::string_view subject);

struct Stored {
    Failure failure;
    std::uint64_t sequence = 0;
    std::string data;
};
[[nodiscard]] Stored read_stored(std::string_view json);

/// A consumer of one subject, that ends by itself when nobody pulls. `since`: sequence of the first
/// message; 0: the first there is.
[[nodiscard]] std::string consumer_config(std::string_view stream, std::string_view subject,
                                          std::uint64_t since);

struct ConsumerInfo {
    Failure failure;
    std::string name;
    std::int64_t now_ns = 0;  ///< by the server's clock
    std::uint64_t pending = 0;
};
[[nodiscard]] ConsumerInfo read_consumer_info(std::string_view json);

/// Of what there is, or, with `wait`, of what comes within that time.
[[nodiscard]] std::string pull(std::size_t messages, std::size_t bytes,
                               std::chrono::milliseconds wait);

/// What the reply of a consumer's message tells of it.
struct Delivery {
    std::string_view consumer;
    std::uint64_t sequence = 0;
    std::uint64_t place = 0;  ///< among what the consumer has sent, from 1
    std::int64_t time_ns = 0;
    std::uint64_t pending = 0;
};
[[nodiscard]] std::optional<Delivery> read_delivery(std::string_view reply);

/// All messages of the subject before the sequence are to go.
[[nodiscard]] std::string purge_before(std::string_view subject, std::uint64_t sequence);

/// Nanoseconds since 1970 of "2022-11-22T08:40:15.123456789Z".
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace pulse::cluster::nats_api
