// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [auth]: who may connect.
#pragma once

#include "config/row.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pulse::server {

struct AuthOptions {
    /// The tokens of tokens_file are in here too once a configuration is loaded.
    StringList tokens;
    std::string tokens_file;
    std::optional<bool> required;
    std::chrono::milliseconds timeout{10'000};

    /// `required`, or else whether there is any token.
    [[nodiscard]] bool is_required() const { return required.value_or(!tokens.empty()); }

    bool operator==(const AuthOptions&) const = default;
};

inline constexpr Row<AuthOptions> kAuthRows[] = {
    row<&AuthOptions::tokens>({
        .name = "tokens",
        .doc = "Shared tokens: a client that sends one of them in its connect frame is "
               "authenticated.",
        .live = true,
        .secret = true,
    }),
    row<&AuthOptions::tokens_file>({
        .name = "tokens_file",
        .doc = "File with further tokens, one per line; empty lines and lines starting with # are "
               "skipped. A relative path starts at the server's working directory. A reload reads "
               "the file again.",
        .live = true,
    }),
    row<&AuthOptions::required>({
        .name = "required",
        .doc = "Refuse subscribe, publish and presence (error 1003) until the client has "
               "authenticated.",
        .live = true,
        .when_unset = "true when there are tokens, otherwise false",
    }),
    row<&AuthOptions::timeout>({
        .name = "timeout_ms",
        .doc = "Time a client has to authenticate where that is required; then it is closed.",
        .min = 100,
        .max = 600'000,
        .live = true,
    }),
};

inline constexpr SectionTable<AuthOptions> kAuthSection{
    .name = "auth",
    .doc =
        "Who may connect. Keep tokens out of command lines and this file where others read it: "
        "use tokens_file.",
    .rows = kAuthRows,
};

}  // namespace pulse::server
