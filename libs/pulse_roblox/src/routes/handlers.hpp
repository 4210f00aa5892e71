// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One function per route. Each is called on the connection's loop, once the path is known to name a
// universe, with what it may do still to be asked.
#pragma once

#include "exchange.hpp"

#include <memory>
#include <vector>

namespace pulse::roblox {

using SharedParts = std::shared_ptr<const RouteParts>;

void handle_send(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange);
void handle_connect(const SharedParts& parts, const core::HttpRequest& request,
                    const SharedExchange& exchange);
void handle_clients(const SharedParts& parts, const core::HttpRequest& request,
                    const SharedExchange& exchange);
void handle_ticket(const SharedParts& parts, const core::HttpRequest& request,
                   const SharedExchange& exchange);
void handle_stream(const SharedParts& parts, const core::HttpRequest& request,
                   const SharedExchange& exchange);
void handle_hello(const SharedParts& parts, const core::HttpRequest& request,
                  const SharedExchange& exchange);
void handle_batch(const SharedParts& parts, const core::HttpRequest& request,
                  const SharedExchange& exchange);
void handle_poll(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange);
void handle_blob(const SharedParts& parts, const core::HttpRequest& request,
                 const SharedExchange& exchange);
void handle_bye(const SharedParts& parts, const core::HttpRequest& request,
                const SharedExchange& exchange);

/// Whether one of `rights` is the caller's, who is then known to the exchange; else it is answered.
[[nodiscard]] bool admit(const RouteParts& parts, const core::HttpRequest& request,
                         Exchange& exchange, std::initializer_list<Right> rights,
                         QueryCredentials query = QueryCredentials::ignored);

/// The patterns of `?topics=a,b*`, empty when there are none; nothing when it has been answered.
[[nodiscard]] std::optional<std::vector<std::string>> read_topics(const core::HttpRequest& request,
                                                                  Exchange& exchange);

/// What a game server's poll or stream asks for; nothing when it has been answered.
[[nodiscard]] std::optional<PollRequest> read_poll(const core::HttpRequest& request,
                                                   Exchange& exchange);

}  // namespace pulse::roblox
