// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What ownership writes to its stream, as text:
//
//   key     = session SP kind term SP connection SP key    session: '-' when it was given back
//   kind    = '=' that term | '>' at least that, else the run's base and the sequence of the write
//   session = 'a' SP connection SP session                 alive
//           | 'e' SP session                               has ended
//   run     = 'n' SP run SP base SP 0                      new: nobody new gets a key
//           | 'o' SP run SP base SP begin                  open; begin: sequence of the other one
//
// `connection` is counted by the session's node.
#pragma once

#include "nats/nats_api.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::cluster::nats_lease {

struct KeyWord {
    std::string session;  ///< empty: given back
    std::uint64_t term = 0;
    bool is_exact = false;
    std::uint64_t connection = 0;
    std::string key;
};
[[nodiscard]] std::string write(const KeyWord& word);
[[nodiscard]] std::optional<KeyWord> read_key(std::string_view bytes);

struct SessionWord {
    bool is_alive = false;
    std::uint64_t connection = 0;
    std::string session;
};
[[nodiscard]] std::string write(const SessionWord& word);
[[nodiscard]] std::optional<SessionWord> read_session(std::string_view bytes);

struct RunWord {
    bool is_open = false;
    std::string run;
    std::uint64_t base = 0;
    std::uint64_t begin = 0;
};
[[nodiscard]] std::string write(const RunWord& word);
[[nodiscard]] std::optional<RunWord> read_run(std::string_view bytes);

/// The stream of `<root>.o.>`, to create it.
[[nodiscard]] std::string stream_config(std::string_view name, std::string_view root,
                                        std::size_t replicas);
struct StreamInfo {
    nats_api::Failure failure;
    bool is_fit = false;  ///< takes what it should, and drops nothing of it by itself
    bool is_replicated = false;
    std::uint64_t last_sequence = 0;
};
[[nodiscard]] StreamInfo read_stream_info(std::string_view json, std::string_view root);

/// A consumer that sends all there is, and then all that comes, to `subject`.
[[nodiscard]] std::string listener_config(std::string_view stream, std::string_view subject,
                                          std::chrono::milliseconds heartbeat);

}  // namespace pulse::cluster::nats_lease
