// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who is asking, and what for: API keys, scoped tokens, one-time tickets, sessions of the web page,
// which universes there are and which origins their pages may have. Everything that a request needs
// to know before it is handled, in memory. A UniverseRegistry fills it and keeps what must outlive
// the process; the rest (tickets, sessions) ends with it.
//
// An HTTP route does this:
//
//     const auto caller = book.admit(request, Right::web_send, universe);
//     if (!caller) return responder.respond(answer_for(caller.error()));
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/access.hpp>
#include <pulse/roblox/names.hpp>

namespace pulse::roblox {

// ------------------------------------------------------------------ what a request brings

/// How somebody says who they are. Never logged.
struct Credential {
    enum class Kind : unsigned char {
        none,
        bearer,          ///< `Authorization: Bearer …`, or the subprotocol `bearer.…`
        ticket,          ///< `?ticket=`: good once, for one universe
        query_key,       ///< `?apiKey=`: the original's way, as good as bearer
        session_cookie,  ///< `pulse.session`
    };
    Kind kind = Kind::none;
    std::string text{};
};

inline constexpr std::string_view kSessionCookie = "pulse.session";

/// Whether credentials may stand in the URL, for requests that cannot have headers of their own.
enum class QueryCredentials : unsigned char { ignored, accepted };

/// The first that is there and not empty, in this order: `Authorization`, (of a WebSocket: the
/// subprotocol,) `?ticket=`, `?apiKey=`, and last the cookie, which browsers send unasked. Other
/// schemes of `Authorization` are a proxy's affair and looked past.
[[nodiscard]] Credential find_credential(const core::HttpRequest& request,
                                         QueryCredentials query = QueryCredentials::ignored);
/// Of a WebSocket; the query counts.
[[nodiscard]] Credential find_credential(const core::OpenRequest& request);

/// Whether `origin` (of a browser) is the host that it asks: same name and port, by `Host`.
[[nodiscard]] bool is_own_origin(std::string_view origin, std::string_view host) noexcept;
/// For what changes something on the strength of a cookie: an own `Origin`, or without one
/// `Sec-Fetch-Site: same-origin`.
[[nodiscard]] bool is_from_own_page(const core::HttpRequest& request) noexcept;

// ------------------------------------------------------------------ who it is

/// Somebody who is known. A value type; keep it beside an open connection and ask
/// AccessBook::holds() from time to time.
struct Caller {
    std::string token_id{};     ///< "admin" (API key), "session", or the token's
    bool is_admin = false;      ///< of everything; a token may be admin of some universes only
    bool is_by_cookie = false;  ///< a browser did not decide to send it: mind the Origin
    Grant grant{};

    [[nodiscard]] bool may(Right right, UniverseId universe) const noexcept {
        return grant.allows(right, universe);
    }
};

/// Who may not do what they want, as HTTP has it; the only place where errors become answers:
///   invalid_token       401 Invalid API Key
///   forbidden           403 Forbidden
///   origin_not_allowed  403 Origin not allowed
///   unknown_universe    404 Universe does not exist
///   too_many_entries    429 Too many requests
struct AccessRefusal {
    int status = 500;
    std::string_view text;
};
[[nodiscard]] AccessRefusal refusal_for(std::error_code error) noexcept;
/// The same as `{"error":"…"}`.
[[nodiscard]] core::HttpResponse answer_for(std::error_code error);
/// `{"error":"<text>"}`.
[[nodiscard]] core::HttpResponse error_response(int status, std::string_view text);

// ------------------------------------------------------------------ the book

/// **Thread-safe**; every loop asks. Answers from memory, with a lock held for a look-up.
class AccessBook {
  public:
    static constexpr std::size_t kMaxApiKeys = 16;

    /// All of `api_keys` are admins. Both references outlive the book. Errors: Error::invalid_key
    /// when there is none, too many, or one is empty or longer than 1,024 bytes: an empty one would
    /// let everybody in.
    [[nodiscard]] static core::Result<std::unique_ptr<AccessBook>> make(
        const std::vector<std::string>& api_keys, const core::Clock& clock, core::Rng& rng);
    ~AccessBook();
    AccessBook(const AccessBook&) = delete;
    AccessBook& operator=(const AccessBook&) = delete;

    // Requests

    /// Who it is. With a universe: also whether the credential has anything to do with it; whether
    /// the universe exists is another question. A ticket is used up, whatever comes of it, and
    /// needs a universe. Errors: Error::invalid_token, Error::forbidden.
    [[nodiscard]] core::Result<Caller> authenticate(const Credential& credential,
                                                    std::optional<UniverseId> universe);
    /// A whole request: finds the credential, authenticates, asks for the right and, of a cookie
    /// with a method other than GET and HEAD, for an own origin. Without a universe the right has
    /// to hold for all. Errors: those, Error::origin_not_allowed.
    [[nodiscard]] core::Result<Caller> admit(const core::HttpRequest& request, Right right,
                                             std::optional<UniverseId> universe,
                                             QueryCredentials query = QueryCredentials::ignored);

    /// Whether what the caller was let in with still holds: false once its token is removed or has
    /// expired, its session is over or logged out, or (`universe`) that universe is removed. For
    /// what stays open; does not count as using a session.
    [[nodiscard]] bool holds(const Caller& caller, std::optional<UniverseId> universe = {}) const;
    /// Grows whenever something stops to hold before its time: ask holds() when it has.
    [[nodiscard]] std::uint64_t generation() const noexcept {
        return generation_.load(std::memory_order_acquire);
    }

    [[nodiscard]] bool has_universe(UniverseId universe) const;
    /// Origins whose pages may ask for this universe (CORS, and WebSockets by cookie); never null.
    [[nodiscard]] std::shared_ptr<const std::vector<std::string>> origins(
        UniverseId universe) const;

    /// A ticket with the caller's rights for this universe, for TicketBook::kLifetime; it ends with
    /// what the caller was let in with. Errors: Error::forbidden, Error::too_many_entries.
    [[nodiscard]] core::Result<std::string> make_ticket(const Caller& caller, UniverseId universe);

    // Sessions of the web page

    struct LogIn {
        std::string session{};  ///< the cookie's value; empty when refused
        /// Too many attempts: when to try again.
        std::optional<std::chrono::seconds> retry_after{};
    };
    /// With an API key. Always a new session; `previous`, which the browser came with, ends. IPv6
    /// addresses count by their /64.
    [[nodiscard]] LogIn log_in(std::string_view api_key, const core::PeerAddress& peer,
                               std::string_view previous);
    [[nodiscard]] bool has_session(std::string_view session);
    void log_out(std::string_view session);
    [[nodiscard]] std::size_t session_count() const;

    // For the registry, which has these written down

    void set_universe(UniverseId universe, std::vector<std::string> origins);
    void remove_universe(UniverseId universe);
    /// Errors: Error::too_many_entries.
    [[nodiscard]] core::Result<void> add_token(TokenRecord record, std::uint64_t used_at_ms = 0);
    bool remove_token(std::string_view id);

    struct Token {
        TokenRecord record;
        std::uint64_t used_at_ms = 0;  ///< 0 = never
    };
    /// Those that are good for this universe, by age.
    [[nodiscard]] std::vector<Token> tokens(UniverseId universe) const;
    [[nodiscard]] std::optional<Token> token(std::string_view id) const;
    [[nodiscard]] std::vector<std::string> token_ids() const;
    /// At most `max` of those that have expired by `unix_ms`, in no order.
    [[nodiscard]] std::vector<std::string> expired_tokens(std::uint64_t unix_ms,
                                                          std::size_t max) const;
    /// At most `max` tokens whose last use was not taken before, or long ago; with when it was.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> take_uses(
        std::size_t max, std::chrono::milliseconds granularity);

  private:
    struct State;
    AccessBook(std::unique_ptr<State> state) noexcept;

    std::unique_ptr<State> state_;
    std::atomic<std::uint64_t> generation_{0};
};

}  // namespace pulse::roblox
