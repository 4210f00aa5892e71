// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json/text.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

using Kind = Credential::Kind;
using Origins = std::vector<std::string>;

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

/// Whose login attempts count together: an IPv4 address, or what one customer has of IPv6.
[[nodiscard]] std::string attempts_key(const core::PeerAddress& peer) {
    core::PeerAddress key = peer;
    if (peer.is_v6) {
        constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        if (std::equal(kMapped.begin(), kMapped.end(), peer.bytes.begin())) {
            key = {};
            std::copy(peer.bytes.begin() + 12, peer.bytes.end(), key.bytes.begin());
        } else {
            std::fill(key.bytes.begin() + 8, key.bytes.end(), std::uint8_t{0});
        }
    }
    return key.to_string();
}

[[nodiscard]] bool is_safe(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD";
}

}  // namespace

// One lock per table; none is held while another is taken, and nothing is called under one.
struct AccessBook::State {
    /// Beside a token: what changes as it is used.
    struct TokenUse {
        std::shared_ptr<Lease> lease = std::make_shared<Lease>();
        /// Several loops note it under the shared lock.
        mutable std::atomic<std::uint64_t> used_at_ms{0};
        std::uint64_t taken_at_ms = 0;  ///< the use that take_uses() reported last
    };

    State(TokenBook book, const core::Clock& the_clock, core::Rng& the_rng)
        : clock(the_clock), rng(the_rng), tokens(std::move(book)) {}

    const core::Clock& clock;
    core::Rng& rng;

    mutable std::shared_mutex tokens_mutex;
    TokenBook tokens;
    std::unordered_map<std::string, TokenUse> uses;  ///< one per token

    mutable std::mutex tickets_mutex;
    TicketBook tickets;

    mutable std::mutex sessions_mutex;
    SessionBook sessions;

    mutable std::mutex logins_mutex;
    LoginLimiter logins;

    mutable std::shared_mutex universes_mutex;
    std::unordered_map<UniverseId, std::shared_ptr<const Origins>> universes;
    const std::shared_ptr<const Origins> no_origins = std::make_shared<const Origins>();

    [[nodiscard]] core::Result<Caller> by_token(std::string_view text) const {
        const std::uint64_t now = clock.unix_ms();
        const std::shared_lock lock(tokens_mutex);
        auto grant = tokens.verify(text, now);
        if (!grant) return tl::unexpected{grant.error()};
        const auto use = uses.find(grant->id);
        if (use != uses.end()) {
            grant->lease = use->second.lease;

            use->second.used_at_ms.store(now, std::memory_order_relaxed);
        }
        return caller(std::move(*grant));
    }

    [[nodiscard]] core::Result<Caller> by_session(std::string_view text) {
        const core::MonotonicTime now = clock.now();
        std::shared_ptr<const Lease> lease;
        {
            const std::lock_guard lock(sessions_mutex);
            lease = sessions.use(text, now);
        }
        if (!lease) return refuse(Error::invalid_token);
        Caller session = caller({.id = "session",
                                 .rights = {Right::admin},
                                 .is_for_all = true,
                                 .universes = {},
                                 .lease = std::move(lease)});
        session.is_by_cookie = true;
        return session;
    }

    [[nodiscard]] core::Result<Caller> by_ticket(std::string_view text,
                                                 std::optional<UniverseId> universe) {
        if (!universe) return refuse(Error::invalid_token);
        const core::MonotonicTime now = clock.now();
        core::Result<Grant> grant = [&] {
            const std::lock_guard lock(tickets_mutex);
            return tickets.redeem(text, *universe, now);
        }();
        if (!grant) return tl::unexpected{grant.error()};
        if (grant->lease && !grant->lease->holds(now, clock.unix_ms())) {
            return refuse(Error::invalid_token);
        }
        return caller(std::move(*grant));
    }

    [[nodiscard]] static Caller caller(Grant grant) {
        return {.token_id = grant.id,
                .is_admin = grant.is_for_all && grant.rights.has(Right::admin),
                .is_by_cookie = false,
                .grant = std::move(grant)};
    }
};

core::Result<std::unique_ptr<AccessBook>> AccessBook::make(const std::vector<std::string>& api_keys,
                                                           const core::Clock& clock,
                                                           core::Rng& rng) {
    if (api_keys.empty() || api_keys.size() > kMaxApiKeys) return refuse(Error::invalid_key);
    auto tokens = TokenBook::make(api_keys.front());
    for (std::size_t i = 1; tokens && i < api_keys.size(); ++i) {
        const auto added = tokens->add_api_key(api_keys[i]);
        if (!added) return refuse(Error::invalid_key);
    }
    if (!tokens) return tl::unexpected{tokens.error()};
    return std::unique_ptr<AccessBook>(
        new AccessBook(std::make_unique<State>(std::move(*tokens), clock, rng)));
}

AccessBook::AccessBook(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
AccessBook::~AccessBook() = default;

// ------------------------------------------------------------------ requests

core::Result<Caller> AccessBook::authenticate(const Credential& credential,
                                              std::optional<UniverseId> universe) {
    core::Result<Caller> caller = refuse(Error::invalid_token);
    switch (credential.kind) {
        case Kind::none:
            break;
        case Kind::bearer:
        case Kind::query_key:
            caller = state_->by_token(credential.text);
            break;
        case Kind::ticket:
            caller = state_->by_ticket(credential.text, universe);
            break;
        case Kind::session_cookie:
            caller = state_->by_session(credential.text);
            break;
    }
    if (caller && universe && !caller->grant.is_for_all) {
        const auto& bound = caller->grant.universes;
        if (std::find(bound.begin(), bound.end(), *universe) == bound.end()) {
            return refuse(Error::forbidden);
        }
    }
    return caller;
}

core::Result<Caller> AccessBook::admit(const core::HttpRequest& request, Right right,
                                       std::optional<UniverseId> universe, QueryCredentials query) {
    auto caller = authenticate(find_credential(request, query), universe);
    if (!caller) return caller;
    if (caller->is_by_cookie && !is_safe(request.method) && !is_from_own_page(request)) {
        return refuse(Error::origin_not_allowed);
    }
    const bool may = universe ? caller->may(right, *universe)
                              : caller->grant.is_for_all && caller->grant.rights.has(right);
    if (!may) return refuse(Error::forbidden);
    return caller;
}

bool AccessBook::holds(const Caller& caller, std::optional<UniverseId> universe) const {
    const Lease* lease = caller.grant.lease.get();
    if (lease != nullptr && !lease->holds(state_->clock.now(), state_->clock.unix_ms())) {
        return false;
    }
    return !universe || has_universe(*universe);
}

bool AccessBook::has_universe(UniverseId universe) const {
    const std::shared_lock lock(state_->universes_mutex);
    return state_->universes.contains(universe);
}

std::shared_ptr<const Origins> AccessBook::origins(UniverseId universe) const {
    const std::shared_lock lock(state_->universes_mutex);
    const auto found = state_->universes.find(universe);
    return found != state_->universes.end() ? found->second : state_->no_origins;
}

core::Result<std::string> AccessBook::make_ticket(const Caller& caller, UniverseId universe) {
    if (!caller.may(Right::web_read, universe) && !caller.may(Right::web_send, universe)) {
        return refuse(Error::forbidden);
    }
    Grant grant = caller.grant;
    grant.is_for_all = false;
    grant.universes = {universe};
    const core::MonotonicTime now = state_->clock.now();
    const std::lock_guard lock(state_->tickets_mutex);
    return state_->tickets.issue(universe, std::move(grant), state_->rng, now);
}

// ------------------------------------------------------------------ sessions

AccessBook::LogIn AccessBook::log_in(std::string_view api_key, const core::PeerAddress& peer,
                                     std::string_view previous) {
    const core::MonotonicTime now = state_->clock.now();
    const std::string address = attempts_key(peer);
    {
        const std::lock_guard lock(state_->logins_mutex);
        if (const auto wait = state_->logins.attempt(address, now)) return {.retry_after = wait};
    }
    {
        const std::shared_lock lock(state_->tokens_mutex);
        if (!state_->tokens.is_api_key(api_key)) return {};
    }
    LogIn answer;
    {
        const std::lock_guard lock(state_->sessions_mutex);
        state_->sessions.end(previous);
        answer.session = state_->sessions.start(state_->rng, now);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);  // one may have ended
    return answer;
}

bool AccessBook::has_session(std::string_view session) {
    return state_->by_session(session).has_value();
}

void AccessBook::log_out(std::string_view session) {
    {
        const std::lock_guard lock(state_->sessions_mutex);
        state_->sessions.end(session);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
}

std::size_t AccessBook::session_count() const {
    const std::lock_guard lock(state_->sessions_mutex);
    return state_->sessions.size();
}

// ------------------------------------------------------------------ for the registry

void AccessBook::set_universe(UniverseId universe, Origins origins) {
    auto shared = std::make_shared<const Origins>(std::move(origins));
    const std::lock_guard lock(state_->universes_mutex);
    state_->universes.insert_or_assign(universe, std::move(shared));
}

void AccessBook::remove_universe(UniverseId universe) {
    {
        const std::lock_guard lock(state_->universes_mutex);
        state_->universes.erase(universe);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
}

core::Result<void> AccessBook::add_token(TokenRecord record, std::uint64_t used_at_ms) {
    const std::lock_guard lock(state_->tokens_mutex);
    const std::string id = record.id;
    const std::uint64_t expires_at_ms = record.expires_at_ms;
    auto added = state_->tokens.add(std::move(record));
    if (!added) return added;
    State::TokenUse& use = state_->uses[id];
    use.lease->expire_at(expires_at_ms);
    use.used_at_ms = used_at_ms;
    use.taken_at_ms = used_at_ms;
    return {};
}

bool AccessBook::remove_token(std::string_view id) {
    {
        const std::lock_guard lock(state_->tokens_mutex);
        if (!state_->tokens.remove(id)) return false;
        const auto use = state_->uses.find(std::string(id));
        use->second.lease->end();
        state_->uses.erase(use);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
    return true;
}

std::vector<AccessBook::Token> AccessBook::tokens(UniverseId universe) const {
    std::vector<Token> tokens;
    {
        const std::shared_lock lock(state_->tokens_mutex);
        for (const auto& [id, record] : state_->tokens.tokens()) {
            const auto& bound = record.universes;
            if (record.is_for_all ||
                std::find(bound.begin(), bound.end(), universe) != bound.end()) {
                tokens.push_back({record, state_->uses.at(id).used_at_ms});
            }
        }
    }
    std::stable_sort(tokens.begin(), tokens.end(), [](const Token& a, const Token& b) {
        return a.record.created_at_ms < b.record.created_at_ms;
    });
    return tokens;
}

std::optional<AccessBook::Token> AccessBook::token(std::string_view id) const {
    const std::shared_lock lock(state_->tokens_mutex);
    const auto found = state_->tokens.tokens().find(id);
    if (found == state_->tokens.tokens().end()) return {};
    return Token{found->second, state_->uses.at(found->first).used_at_ms};
}

std::vector<std::string> AccessBook::token_ids() const {
    std::vector<std::string> ids;
    const std::shared_lock lock(state_->tokens_mutex);
    ids.reserve(state_->tokens.tokens().size());
    for (const auto& [id, record] : state_->tokens.tokens()) ids.push_back(id);
    return ids;
}

std::vector<std::string> AccessBook::expired_tokens(std::uint64_t unix_ms, std::size_t max) const {
    std::vector<std::string> ids;
    const std::shared_lock lock(state_->tokens_mutex);
    for (const auto& [id, record] : state_->tokens.tokens()) {
        if (ids.size() == max) break;
        if (record.has_expired(unix_ms)) ids.push_back(id);
    }
    return ids;
}

std::vector<std::pair<std::string, std::uint64_t>> AccessBook::take_uses(
    std::size_t max, std::chrono::milliseconds granularity) {
    std::vector<std::pair<std::string, std::uint64_t>> uses;
    const auto step = static_cast<std::uint64_t>(granularity.count());
    const std::lock_guard lock(state_->tokens_mutex);
    for (auto& [id, use] : state_->uses) {
        if (uses.size() == max) break;
        const std::uint64_t used = use.used_at_ms;
        if (used == use.taken_at_ms || (use.taken_at_ms != 0 && used < use.taken_at_ms + step)) {
            continue;
        }
        use.taken_at_ms = used;
        uses.emplace_back(id, used);
    }
    return uses;
}

// ------------------------------------------------------------------ answers

AccessRefusal refusal_for(std::error_code error) noexcept {
    if (error == Error::invalid_token) return {401, "Invalid API Key"};
    if (error == Error::forbidden) return {403, "Forbidden"};
    if (error == Error::origin_not_allowed) return {403, "Origin not allowed"};
    if (error == Error::unknown_universe) return {404, "Universe does not exist"};
    if (error == Error::too_many_entries) return {429, "Too many requests"};
    return {500, "Internal error"};
}

core::HttpResponse error_response(int status, std::string_view text) {
    std::string body = "{\"error\":";
    json::append_string(body, text);
    body += '}';
    return core::HttpResponse::json(status, std::move(body));
}

core::HttpResponse answer_for(std::error_code error) {
    const AccessRefusal refusal = refusal_for(error);
    core::HttpResponse response = error_response(refusal.status, refusal.text);
    if (refusal.status == 401) response.headers.emplace_back("www-authenticate", "Bearer");
    if (refusal.status == 429) {
        response.headers.emplace_back("retry-after", std::to_string(TicketBook::kLifetime.count()));
    }
    return response;
}

}  // namespace pulse::roblox
