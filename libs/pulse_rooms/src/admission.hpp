// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a request to connect says: which room, which session, and from where.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <pulse/core/dialect.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/rooms/options.hpp>
#include <pulse/rooms/places.hpp>

namespace pulse::rooms {

inline constexpr std::string_view kDefaultRoom = "default";

struct Admission {
    std::string room;
    std::string session;
    bool is_fresh = false;  ///< the session's id was made for this connection
    std::shared_ptr<const std::string> details;
    std::string refusal;  ///< not empty: what to say instead of letting it in
};

/// U+FFFD for every byte that is part of no character.
[[nodiscard]] std::string repair(std::string text);

/// Decodes as browsers' URLSearchParams do: '+' is a space, broken escapes stay as they are, what
/// is no UTF-8 becomes U+FFFD. The first field of that name; nothing when there is none.
[[nodiscard]] std::optional<std::string> query_field(std::string_view query, std::string_view name);
/// The room a query asks for.
[[nodiscard]] std::string room_of_query(std::string_view query);

/// As encodeURIComponent does.
[[nodiscard]] std::string encode_uri_component(std::string_view text);
/// The value of a cookie in a `cookie` header, decoded; nothing when there is none.
[[nodiscard]] std::optional<std::string> cookie_value(std::string_view header,
                                                      std::string_view name);

/// A random UUID, version 4 (RFC 9562 §5.4).
[[nodiscard]] std::string make_uuid(core::Rng& rng);

/// `places` may be null.
[[nodiscard]] Admission read_admission(const core::OpenRequest& request,
                                       const RoomsOptions& options, const Places* places,
                                       core::Rng& rng);
/// Adds the cookie and the other headers that clients of the original read.
void add_headers(const core::OpenRequest& request, const Admission& admission);

}  // namespace pulse::rooms
