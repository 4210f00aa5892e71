// SPDX-License-Identifier: MIT OR Apache-2.0
#include <atomic>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/error.hpp>

namespace pulse::core {

namespace {

class OpenAuthenticator final : public Authenticator {
  public:
    void authenticate(const Credentials&, Done done) override { done(anonymous()); }
    [[nodiscard]] bool is_required() const noexcept override { return false; }
};

// ----------------------------------------------------------------------- token

/// All ones when the texts are equal, else zero. The time depends on the length of `secret` alone:
/// not on where the two differ, nor on `given`.
std::size_t equal_mask(std::string_view secret, std::string_view given) noexcept {
    constexpr char kNothing = 0;
    const char* from = given.empty() ? &kNothing : given.data();
    std::size_t difference = secret.size() ^ given.size();
    for (std::size_t i = 0; i < secret.size(); ++i) {
        // Beyond its end `given` is read at its beginning; the lengths differ then anyway.
        const std::size_t at = i & (std::size_t{0} - static_cast<std::size_t>(i < given.size()));
        difference |= static_cast<unsigned char>(secret[i] ^ from[at]);
    }
    return std::size_t{0} - static_cast<std::size_t>(difference == 0);
}

class TokenAuthenticator final : public Authenticator {
  public:
    TokenAuthenticator(std::vector<StaticToken> tokens, bool is_required)
        : tokens_(std::move(tokens)), is_required_(is_required) {
        // An entry left empty by mistake must not let in everybody who sends nothing.
        std::erase_if(tokens_, [](const StaticToken& entry) { return entry.token.empty(); });
    }

    void authenticate(const Credentials& credentials, Done done) override {
        // Every entry is compared, and the match picked without a branch, so that the time tells
        // neither whether nor where there was one. Of equal tokens the first counts.
        std::size_t found = 0;  // index + 1
        for (std::size_t i = tokens_.size(); i-- > 0;) {
            const std::size_t mask = equal_mask(tokens_[i].token, credentials.token);
            found = (found & ~mask) | ((i + 1) & mask);
        }
        if (found == 0) {
            done(tl::unexpected(make_error_code(Error::unauthorized)));
        } else {
            done(Identity{tokens_[found - 1].name, nullptr});
        }
    }
    [[nodiscard]] bool is_required() const noexcept override { return is_required_; }

  private:
    std::vector<StaticToken> tokens_;
    bool is_required_;
};

// -------------------------------------------------------------------- callback

/// Sees to it that `done` is called exactly once, whatever the embedding program's function does:
/// the first answer counts, and none at all becomes an error when the last copy is gone.
class Once {
  public:
    explicit Once(Authenticator::Done done) : done_(std::move(done)) {}
    Once(const Once&) = delete;
    Once& operator=(const Once&) = delete;
    ~Once() { answer(tl::unexpected(std::make_error_code(std::errc::operation_canceled))); }

    void answer(Result<Identity> result) {
        if (!is_answered_.exchange(true, std::memory_order_acq_rel)) done_(std::move(result));
    }

  private:
    Authenticator::Done done_;
    std::atomic<bool> is_answered_{false};
};

class CallbackAuthenticator final : public Authenticator {
  public:
    CallbackAuthenticator(AuthenticateFunction function, bool is_required)
        : function_(std::move(function)), is_required_(is_required) {}

    void authenticate(const Credentials& credentials, Done done) override {
        const auto once = std::make_shared<Once>(std::move(done));
        try {
            function_(credentials,
                      [once](Result<Identity> result) { once->answer(std::move(result)); });
        } catch (...) {
            once->answer(tl::unexpected(std::make_error_code(std::errc::operation_canceled)));
        }
    }
    [[nodiscard]] bool is_required() const noexcept override { return is_required_; }

  private:
    AuthenticateFunction function_;
    bool is_required_;
};

}  // namespace

std::unique_ptr<Authenticator> make_open_authenticator() {
    return std::make_unique<OpenAuthenticator>();
}

std::unique_ptr<Authenticator> make_token_authenticator(std::vector<StaticToken> tokens,
                                                        bool is_required) {
    return std::make_unique<TokenAuthenticator>(std::move(tokens), is_required);
}

std::unique_ptr<Authenticator> make_callback_authenticator(AuthenticateFunction function,
                                                           bool is_required) {
    return std::make_unique<CallbackAuthenticator>(std::move(function), is_required);
}

}  // namespace pulse::core
