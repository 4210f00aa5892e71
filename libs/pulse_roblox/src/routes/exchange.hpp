// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One request on its way to its answer: who asks, for which universe, and how the answer is to be
// dressed (CORS, gzip).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <tl/expected.hpp>

#include <pulse/core/http.hpp>
#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/bridge_routes.hpp>

namespace pulse::roblox {

/// What all routes work with. Lives as long as they do.
struct RouteParts {
    BridgeHost& host;
    AccessBook& access;
    WebClients& clients;
    BridgeRouteOptions options;
};

/// Shared by the lambdas that lead to its answer, one at a time; destroyed unanswered it is 500,
/// by HttpResponder's rule.
class Exchange {
  public:
    Exchange(const RouteParts& parts, const core::HttpRequest& request,
             core::HttpResponder responder, UniverseId universe);

    [[nodiscard]] UniverseId universe() const noexcept { return universe_; }
    [[nodiscard]] Caller& caller() noexcept { return caller_; }
    void set_caller(Caller caller) { caller_ = std::move(caller); }

    void respond(core::HttpResponse response);
    void respond_json(int status, std::string body);
    void fail(int status, std::string_view text,
              std::optional<std::chrono::seconds> retry_after = {});
    void fail(std::error_code error);
    /// 204 to a browser that asks what it may.
    void respond_preflight(std::string_view methods);
    void stream(core::HttpResponse head, core::StreamOpener opener);

  private:
    void add_cors(core::HttpResponse& response) const;
    void pack(core::HttpResponse& response) const;

    core::HttpResponder responder_;
    UniverseId universe_;
    Caller caller_{};
    std::string allowed_origin_;  // of a page on the universe's list
    bool has_origins_ = false;    // answers differ by origin
    bool accepts_gzip_ = false;
    std::size_t gzip_from_bytes_;
};

using SharedExchange = std::shared_ptr<Exchange>;

/// The request's body, unpacked where it is gzip, or the answer that refuses it.
[[nodiscard]] tl::expected<std::string, core::HttpResponse> read_body(
    const BridgeRouteOptions& options, const core::HttpRequest& request);

/// Whether `gzip` is among what is accepted, with a weight above 0.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding) noexcept;

/// What a client is told of an error: 400, 404, 413, 429 or 503.
struct ErrorAnswer {
    int status = 500;
    std::string_view text;
    std::optional<std::chrono::seconds> retry_after{};
};
[[nodiscard]] ErrorAnswer answer_to(std::error_code error) noexcept;

}  // namespace pulse::roblox
