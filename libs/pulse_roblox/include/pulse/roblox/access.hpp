// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who may do what: tokens, one-time tickets, sessions of the web page, login attempts. Secrets are
// kept as SHA-256 of 256 random bits, compared in constant time, and appear in no error.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

enum class Right : std::uint8_t {
    web_read = 1,   ///< receive what game servers send
    web_send = 2,   ///< send to game servers
    game_send = 4,  ///< send as a game server
    game_poll = 8,  ///< receive as a game server
    admin = 16,     ///< registry, tokens, statistics; includes the others
};

/// A set of rights. A value type.
class Rights {
  public:
    constexpr Rights() = default;
    constexpr Rights(std::initializer_list<Right> rights) {
        for (const Right right : rights) *this = *this | right;
    }
    [[nodiscard]] constexpr bool has(Right right) const noexcept {
        return (bits_ & static_cast<std::uint8_t>(right)) != 0 ||
               (bits_ & static_cast<std::uint8_t>(Right::admin)) != 0;
    }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }
    /// A token inside a game leaks sooner or later: one with a right of game servers must have
    /// neither `web_read` nor `admin`.
    [[nodiscard]] bool is_allowed() const noexcept;

    friend constexpr Rights operator|(Rights rights, Right right) noexcept {
        rights.bits_ = static_cast<std::uint8_t>(rights.bits_ | static_cast<std::uint8_t>(right));
        return rights;
    }
    friend constexpr bool operator==(Rights, Rights) = default;

  private:
    friend std::vector<std::string_view> to_names(Rights rights);
    std::uint8_t bits_ = 0;
};
[[nodiscard]] std::vector<std::string_view> to_names(Rights rights);
[[nodiscard]] std::optional<Right> parse_right(std::string_view name) noexcept;

/// Whether what somebody was let in with still holds, for what stays open behind it.
/// **Thread-safe.**
class Lease {
  public:
    Lease() = default;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    void end() noexcept { is_over_.store(true, std::memory_order_release); }
    void end_at(core::MonotonicTime time) noexcept {
        ends_at_.store(time.time_since_epoch().count(), std::memory_order_release);
    }
    /// 0 = never.
    void expire_at(std::uint64_t unix_ms) noexcept {
        expires_at_ms_.store(unix_ms, std::memory_order_release);
    }
    [[nodiscard]] bool holds(core::MonotonicTime now, std::uint64_t unix_ms) const noexcept {
        const std::uint64_t expires = expires_at_ms_.load(std::memory_order_acquire);
        return !is_over_.load(std::memory_order_acquire) &&
               now.time_since_epoch().count() < ends_at_.load(std::memory_order_acquire) &&
               (expires == 0 || unix_ms < expires);
    }

  private:
    std::atomic<bool> is_over_{false};
    std::atomic<std::int64_t> ends_at_{std::numeric_limits<std::int64_t>::max()};
    std::atomic<std::uint64_t> expires_at_ms_{0};
};

/// What a request may do once its credentials are known. A value type.
struct Grant {
    std::string id{};  ///< of the token; "admin" for the master key, "session" for the web page
    Rights rights{};
    bool is_for_all = false;  ///< any universe
    std::vector<UniverseId> universes{};
    /// Of the token or session behind it; null when nothing can take it back, as with an API key.
    std::shared_ptr<const Lease> lease{};

    [[nodiscard]] bool allows(Right right, UniverseId universe) const noexcept;
};

using SecretHash = std::array<unsigned char, 32>;

/// What is stored of a token. A value type.
struct TokenRecord {
    std::string id{};  ///< 12 characters of [a-z0-9]
    SecretHash hash{};
    std::string label{};  ///< for people; at most 64 bytes
    Rights rights{};
    bool is_for_all = false;
    std::vector<UniverseId> universes{};
    std::uint64_t created_at_ms = 0;
    std::uint64_t expires_at_ms = 0;  ///< 0 = never

    [[nodiscard]] bool has_expired(std::uint64_t unix_ms) const noexcept {
        return expires_at_ms != 0 && expires_at_ms <= unix_ms;
    }
    friend bool operator==(const TokenRecord&, const TokenRecord&) = default;
};

inline constexpr std::size_t kMaxTokenUniverses = 256;

struct NewToken {
    std::string text;  ///< `plt_<id>_<secret>`: shown once, stored nowhere
    TokenRecord record;
};
/// Errors: Error::invalid_rights for no rights, or some that must not go together, or no universe.
[[nodiscard]] core::Result<NewToken> make_token(TokenRecord wanted, core::Rng& rng,
                                                std::uint64_t unix_ms);

[[nodiscard]] std::string encode_token_record(const TokenRecord& record);
/// Errors: Error::invalid_record, also for rights that must not go together.
[[nodiscard]] core::Result<TokenRecord> decode_token_record(std::string_view text);

/// All tokens, and the legacy keys. **Loop-bound.**
class TokenBook {
  public:
    static constexpr std::size_t kMaxTokens = 10'000;
    static constexpr std::size_t kMaxApiKeys = 16;

    /// `api_key` is the original's API_KEY, an admin token. Errors: Error::invalid_key when it is
    /// empty or longer than 1,024 bytes: an empty one would let everybody in.
    [[nodiscard]] static core::Result<TokenBook> make(std::string_view api_key);
    /// One more of them, as when they are rotated. Errors: those, Error::too_many_entries.
    [[nodiscard]] core::Result<void> add_api_key(std::string_view api_key);
    /// In constant time.
    [[nodiscard]] bool is_api_key(std::string_view text) const noexcept;

    /// Errors: Error::too_many_entries.
    [[nodiscard]] core::Result<void> add(TokenRecord record);
    /// What was granted by it ends with the next check.
    bool remove(std::string_view id);

    /// Errors: Error::invalid_token, whatever is wrong with it. Takes as long for a token that is
    /// not known as for one whose secret is wrong.
    [[nodiscard]] core::Result<Grant> verify(std::string_view token, std::uint64_t unix_ms) const;

    [[nodiscard]] const std::map<std::string, TokenRecord, std::less<>>& tokens() const noexcept {
        return tokens_;
    }

  private:
    TokenBook() = default;
    std::vector<SecretHash> api_keys_;
    std::map<std::string, TokenRecord, std::less<>> tokens_;
};

/// One-time tickets for a WebSocket, so that no key stands in a URL. **Loop-bound.**
class TicketBook {
  public:
    static constexpr std::chrono::seconds kLifetime{30};
    static constexpr std::size_t kMaxTickets = 10'000;

    /// Errors: Error::too_many_entries while that many are out.
    [[nodiscard]] core::Result<std::string> issue(UniverseId universe, Grant grant, core::Rng& rng,
                                                  core::MonotonicTime now);
    /// Ends the ticket, good or not for this universe. Errors: Error::invalid_token.
    [[nodiscard]] core::Result<Grant> redeem(std::string_view ticket, UniverseId universe,
                                             core::MonotonicTime now);

  private:
    struct Ticket {
        SecretHash hash{};
        UniverseId universe;
        Grant grant;
        core::MonotonicTime expires_at{};
    };
    void expire(core::MonotonicTime now);

    std::list<Ticket> tickets_;  // oldest first
    std::map<SecretHash, std::list<Ticket>::iterator> by_hash_;
};

/// Logged-in browsers. **Loop-bound.**
class SessionBook {
  public:
    static constexpr std::chrono::hours kIdle{12};
    static constexpr std::chrono::hours kAbsolute{7 * 24};
    static constexpr std::size_t kMaxSessions = 1'000;

    /// A new id, always: a login must not bless an id that somebody else chose. Beyond kMaxSessions
    /// the one unused longest ends.
    [[nodiscard]] std::string start(core::Rng& rng, core::MonotonicTime now);
    /// Whether the session is alive; it is used by that.
    [[nodiscard]] bool touch(std::string_view id, core::MonotonicTime now) {
        return use(id, now) != nullptr;
    }
    /// The same; null when it is not alive. The lease ends with the session, however that ends.
    [[nodiscard]] std::shared_ptr<const Lease> use(std::string_view id, core::MonotonicTime now);
    bool end(std::string_view id);
    void end_all() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }

  private:
    struct Session {
        core::MonotonicTime started{};
        core::MonotonicTime used{};
        std::shared_ptr<Lease> lease{};
    };
    std::map<SecretHash, Session> sessions_;
};

/// So many attempts per minute and address. **Loop-bound.**
class LoginLimiter {
  public:
    static constexpr unsigned kPerMinute = 5;
    static constexpr std::size_t kMaxAddresses = 10'000;

    /// Counts the attempt. Nothing when it may go on, else how long to wait. With the table full,
    /// addresses that are not in it share one count.
    [[nodiscard]] std::optional<std::chrono::seconds> attempt(std::string_view address,
                                                              core::MonotonicTime now);

  private:
    struct Count {
        core::MonotonicTime since{};
        unsigned attempts = 0;
    };
    std::unordered_map<std::string, Count> counts_;
};

/// The token of `Bearer <token>`, as the original reads it: the scheme is case-sensitive. Empty
/// when there is none.
[[nodiscard]] std::string_view parse_bearer(std::string_view authorization) noexcept;
/// The token of `Sec-WebSocket-Protocol: pulse.v1, bearer.<token>`; empty when there is none.
[[nodiscard]] std::string_view parse_protocol_token(std::string_view protocols) noexcept;

/// Whether a browser's `Origin` is among `allowed`: scheme, host and port, compared as text,
/// without regard to case. Nothing is allowed by default, and "null" never.
[[nodiscard]] bool is_allowed_origin(std::string_view origin,
                                     const std::vector<std::string>& allowed) noexcept;

}  // namespace pulse::roblox
