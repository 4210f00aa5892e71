// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Answers of administration as text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <pulse/core/http.hpp>
#include <pulse/roblox/admin_routes.hpp>

namespace pulse::roblox::admin {

/// Shared, so that it can wait in a completion.
using Responder = std::shared_ptr<core::HttpResponder>;

/// Never to be stored anywhere, never to be taken for another type, framed or referred from.
void add_security_headers(core::HttpResponse& response);
void respond(const Responder& responder, core::HttpResponse response);
void respond_json(const Responder& responder, int status, std::string body);
void respond_success(const Responder& responder);

/// Why a change was refused; what AccessBook refuses is answer_for()'s.
[[nodiscard]] core::HttpResponse change_error(std::error_code error);

/// `"2026-08-22T10:00:00.123Z"` with its quotes; `null` for 0.
[[nodiscard]] std::string timestamp(std::uint64_t unix_ms);

/// One universe's object; with details, those of its own page.
enum class Figures : unsigned char { summary, details, details_with_history };
[[nodiscard]] std::string encode(const UniverseView& universe, const UniverseStats& stats,
                                 std::size_t web_clients, Figures figures);
[[nodiscard]] std::string encode(const std::vector<AccessBook::Token>& tokens,
                                 std::uint64_t unix_ms);
/// Members only, without braces.
[[nodiscard]] std::string encode_members(const EngineOverview& overview, bool with_history);

}  // namespace pulse::roblox::admin
