// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signed tokens (RFC 7519), of one algorithm and one key each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace pulse::server {

struct JwtRules {
    std::string secret;          ///< HS256
    std::string public_key_pem;  ///< RS256; one of the two
    std::string issuer;          ///< empty: any
    std::string audience;        ///< empty: any
    bool requires_expiry = true;
    std::int64_t leeway_seconds = 30;  ///< for clocks that differ
};

/// **Immutable** once made: thread-safe.
class JwtVerifier {
  public:
    /// Errors are sentences for an operator.
    [[nodiscard]] static tl::expected<std::shared_ptr<const JwtVerifier>, std::string> make(
        JwtRules rules);
    virtual ~JwtVerifier() = default;

    /// The claims, a JSON object, or why the token is refused; never what is in it.
    [[nodiscard]] virtual tl::expected<std::string, std::string_view> verify(
        std::string_view token, std::int64_t unix_seconds) const = 0;
};

}  // namespace pulse::server
