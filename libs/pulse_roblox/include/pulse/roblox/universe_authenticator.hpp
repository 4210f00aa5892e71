// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who of the clients of other dialects may listen to a universe's channels, `roblox:<universe>` and
// `roblox:<universe>:<topic>`: those who log in with a token of the bridge that may read it.
#pragma once

#include <chrono>
#include <memory>

#include <pulse/core/authenticator.hpp>
#include <pulse/roblox/access_book.hpp>

namespace pulse::roblox {

/// Stands in front of a server's authenticator and knows the bridge's keys and tokens as well.
///
/// Nobody may publish to the bridge's channels: messages enter by the bridge, which numbers them.
/// With a token of the bridge, subscribing is allowed where `web.read` is; in other channels such a
/// client has the rights of anonymous ones, if there are any. Everybody else keeps the rights they
/// have, but for these channels.
///
/// A conversation asks every kReviewInterval whether all of this still holds: with the token
/// removed or expired its connection ends (in a room, what the token opened), with the universe
/// removed its subscriptions there.
///
/// **Thread-safe.** Both outlive it and the identities it gives out.
class UniverseAuthenticator final : public core::Authenticator {
  public:
    static constexpr std::chrono::seconds kReviewInterval{5};

    UniverseAuthenticator(core::Authenticator& inner, AccessBook& access);

    void authenticate(const core::Credentials& credentials, Done done) override;
    [[nodiscard]] bool is_required() const noexcept override { return inner_.is_required(); }
    [[nodiscard]] core::Identity anonymous() const override;

  private:
    core::Authenticator& inner_;
    AccessBook& access_;
    /// Everything but the bridge's channels.
    std::shared_ptr<const core::Rights> all_else_;
};

}  // namespace pulse::roblox
