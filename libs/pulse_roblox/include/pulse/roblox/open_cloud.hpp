// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Roblox Open Cloud without the sockets: the requests to make, and what the answers mean. Pure
// functions; whoever calls brings an HTTP client.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/core/result.hpp>
#include <pulse/roblox/names.hpp>
#include <pulse/roblox/publish_budget.hpp>

namespace pulse::roblox {

enum class CloudApi : unsigned char {
    v2,  ///< POST /cloud/v2/universes/{id}:publishMessage
    v1,  ///< POST /messaging-service/v1/universes/{id}/topics/{topic}; beta, and named for removal
};

inline constexpr std::string_view kOpenCloudUrl = "https://apis.roblox.com";

/// A request to be sent as it is. Holds an API key: never log `headers` or `body`.
struct CloudRequest {
    std::string method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};

/// Publishes `text` to `real_topic`. `base_url` without a slash at its end.
[[nodiscard]] CloudRequest build_publish(CloudApi api, std::string_view base_url,
                                         UniverseId universe, std::string_view real_topic,
                                         std::string_view text, std::string_view api_key);

/// Asks what a key may do, which publishes nothing.
[[nodiscard]] CloudRequest build_introspect(std::string_view base_url, std::string_view api_key);

/// What came back; `status` 0 = nothing did (connecting failed, time-out).
struct CloudResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
};

/// Any of the error shapes Open Cloud is known to use, in one. Texts are cut to 256 bytes.
struct CloudError {
    int http = 0;
    std::string code{};  ///< such as PERMISSION_DENIED; empty when not said
    std::string message{};
    QuotaReport quota{};
    bool is_unsent = false;  ///< of http 0: not even the request got through
};

/// Never fails: a body that cannot be read leaves code and message empty. `unix_ms` is for
/// `retry-after` given as a date.
[[nodiscard]] CloudError read_answer(const CloudResponse& response, std::uint64_t unix_ms);

enum class Verdict : unsigned char {
    accepted,
    retry,         ///< 429, 499, 502, 503, 504, or no answer
    retry_few,     ///< 500
    retry_once,    ///< 409
    rejected,      ///< this message never; 400, 404, 413, 501 and whatever else is not known
    key_rejected,  ///< no message with this key; 401, 403
};
[[nodiscard]] Verdict judge(int http_status) noexcept;

/// Whether what was asked for may have been done although the answer does not say so: a lost
/// answer, or a gateway's or server's failure behind which it is not known.
[[nodiscard]] bool may_have_succeeded(const CloudError& error) noexcept;

/// How often a publish is tried in all.
[[nodiscard]] unsigned max_attempts(Verdict verdict) noexcept;

enum class KeyState : unsigned char {
    unknown,
    valid,
    missing_scope,   ///< may not publish messages
    wrong_universe,  ///< may, but not to this game
    expired,
    rejected,  ///< disabled, revoked, or refused by Roblox
};
[[nodiscard]] std::string_view to_string(KeyState state) noexcept;
[[nodiscard]] std::optional<KeyState> parse_key_state(std::string_view text) noexcept;

struct KeyInfo {
    struct Scope {
        std::string name;
        std::vector<std::string> operations;
        std::vector<std::string> universes;  ///< ids, or "*"; empty = not bound to any
    };
    std::string name;
    std::uint64_t owner = 0;  ///< whose quota it uses; 0 = not said
    std::vector<Scope> scopes;
    bool is_enabled = true;
    bool is_expired = false;
    std::uint64_t expires_at_ms = 0;  ///< 0 = never
};

/// Errors: Error::invalid_json, Error::invalid_message.
[[nodiscard]] core::Result<KeyInfo> read_introspection(std::string_view body);

[[nodiscard]] KeyState evaluate_key(const KeyInfo& key, UniverseId universe,
                                    std::uint64_t unix_ms) noexcept;

/// Milliseconds since the epoch of `2026-08-22T10:00:00.123Z` or with an offset; nothing for other
/// text.
[[nodiscard]] std::optional<std::uint64_t> parse_timestamp(std::string_view text) noexcept;

}  // namespace pulse::roblox
