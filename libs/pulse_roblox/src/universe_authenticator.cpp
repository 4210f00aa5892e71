// SPDX-License-Identifier: MIT OR Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <pulse/roblox/error.hpp>
#include <pulse/roblox/universe_authenticator.hpp>

namespace pulse::roblox {

namespace {

constexpr std::string_view kPrefix = "roblox:";

/// The universe of `roblox:<universe>` and `roblox:<universe>:<topic>`.
[[nodiscard]] std::optional<UniverseId> universe_of(std::string_view channel) noexcept {
    channel.remove_prefix(kPrefix.size());
    const auto universe = UniverseId::parse(channel.substr(0, channel.find(':')));
    if (!universe) return {};
    return *universe;
}

/// What somebody else gave, less the bridge's channels.
class OtherRights final : public core::Rights {
  public:
    explicit OtherRights(std::shared_ptr<const core::Rights> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] bool allows(core::Action action,
                              std::string_view channel) const noexcept override {
        if (channel.starts_with(kPrefix)) return false;
        return inner_ == nullptr || inner_->allows(action, channel);
    }
    [[nodiscard]] std::chrono::milliseconds review_interval() const noexcept override {
        return inner_ == nullptr ? std::chrono::milliseconds{0} : inner_->review_interval();
    }
    [[nodiscard]] bool holds() const noexcept override {
        return inner_ == nullptr || inner_->holds();
    }

  private:
    std::shared_ptr<const core::Rights> inner_;
};

class TokenRights final : public core::Rights {
  public:
    TokenRights(const AccessBook& access, Caller caller, std::optional<core::Identity> elsewhere)
        : access_(access), caller_(std::move(caller)), elsewhere_(std::move(elsewhere)) {}

    [[nodiscard]] bool allows(core::Action action,
                              std::string_view channel) const noexcept override {
        if (!channel.starts_with(kPrefix)) {
            return elsewhere_ && elsewhere_->allows(action, channel);
        }
        if (action != core::Action::subscribe) return false;
        const auto universe = universe_of(channel);
        return universe && caller_.may(Right::web_read, *universe) &&
               access_.holds(caller_, *universe);
    }
    [[nodiscard]] std::chrono::milliseconds review_interval() const noexcept override {
        return UniverseAuthenticator::kReviewInterval;
    }
    [[nodiscard]] bool holds() const noexcept override { return access_.holds(caller_); }

  private:
    const AccessBook& access_;
    Caller caller_;
    std::optional<core::Identity> elsewhere_;
};

/// `all_else` are the rights of those who may do everything but this: one object for all of them.
[[nodiscard]] core::Identity without_universes(
    core::Identity identity, const std::shared_ptr<const core::Rights>& all_else) {
    identity.rights = identity.rights == nullptr
                          ? all_else
                          : std::make_shared<const OtherRights>(std::move(identity.rights));
    return identity;
}

}  // namespace

UniverseAuthenticator::UniverseAuthenticator(core::Authenticator& inner, AccessBook& access)
    : inner_(inner), access_(access), all_else_(std::make_shared<const OtherRights>(nullptr)) {}

void UniverseAuthenticator::authenticate(const core::Credentials& credentials, Done done) {
    if (!credentials.token.empty()) {
        auto caller = access_.authenticate(
            {Credential::Kind::bearer, std::string(credentials.token)}, std::nullopt);
        if (caller) {
            core::Identity identity;
            identity.user = kPrefix;
            identity.user += caller->token_id;
            std::optional<core::Identity> elsewhere;
            if (!inner_.is_required()) elsewhere = inner_.anonymous();
            identity.rights = std::make_shared<const TokenRights>(access_, std::move(*caller),
                                                                  std::move(elsewhere));
            return done(std::move(identity));
        }
    }
    inner_.authenticate(credentials, [all_else = all_else_,
                                      done = std::move(done)](core::Result<core::Identity> result) {
        if (result) result = without_universes(std::move(*result), all_else);
        done(std::move(result));
    });
}

core::Identity UniverseAuthenticator::anonymous() const {
    return without_universes(inner_.anonymous(), all_else_);
}

}  // namespace pulse::roblox
