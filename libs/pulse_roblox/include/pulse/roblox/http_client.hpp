// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How requests get to Open Cloud.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <pulse/roblox/open_cloud.hpp>

namespace asio {
class io_context;
}

namespace pulse::roblox {

struct HttpResult {
    CloudResponse response{};  ///< status 0: there is none
    std::string failure{};     ///< why; for people, names no URL and no header
    bool is_unsent = false;    ///< there is none because the request did not leave
};

/// **Loop-bound.**
class HttpClient {
  public:
    using Done = std::function<void(HttpResult)>;

    /// What is under way ends without an answer.
    virtual ~HttpClient() = default;
    /// `done` is called once, on the loop, possibly before send() returns. It may send again; it
    /// must not destroy the client and must not throw.
    virtual void send(CloudRequest request, Done done) = 0;
};

struct CurlClientOptions {
    std::chrono::milliseconds timeout{10'000};  ///< from send() to the last byte of the answer
    std::chrono::milliseconds connect_timeout{5'000};
    long max_connections = 16;  ///< open at once; those that are idle are kept for the next request
    std::size_t max_requests = 1'024;  ///< sent and not answered; more fail at once
    std::size_t max_response_bytes =
        std::size_t{64} * 1024;  ///< headers and body; longer: no answer
    std::string user_agent = "pulse";
    std::string ca_file;  ///< certificates to trust; empty = the system's
};

/// libcurl's multi interface on the loop of `io`, which outlives the client: nothing blocks, names
/// are resolved on libcurl's own threads. Speaks HTTP/2 where the server does; follows no
/// redirects. The first call initialises libcurl for the process.
[[nodiscard]] std::unique_ptr<HttpClient> make_curl_client(asio::io_context& io,
                                                           CurlClientOptions options = {});

}  // namespace pulse::roblox
