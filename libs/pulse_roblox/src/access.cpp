// SPDX-License-Identifier: MIT OR Apache-2.0
#include "crypto.hpp"
#include "token.hpp"

#include <algorithm>

#include <pulse/roblox/access.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

[[nodiscard]] tl::unexpected<std::error_code> refuse(Error error) {
    return tl::unexpected{make_error_code(error)};
}

/// Longer than any token, ticket or key of ours: not worth hashing.
constexpr std::size_t kMaxCredentialBytes = 1'024;

[[nodiscard]] char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

core::Result<TokenBook> TokenBook::make(std::string_view api_key) {
    TokenBook book;
    const auto added = book.add_api_key(api_key);
    if (!added) return tl::unexpected{added.error()};
    return book;
}

core::Result<void> TokenBook::add_api_key(std::string_view api_key) {
    if (api_key.empty() || api_key.size() > kMaxCredentialBytes) return refuse(Error::invalid_key);
    if (api_keys_.size() >= kMaxApiKeys) return refuse(Error::too_many_entries);
    api_keys_.push_back(hash_of(api_key));
    return {};
}

bool TokenBook::is_api_key(std::string_view text) const noexcept {
    if (text.empty() || text.size() > kMaxCredentialBytes) return false;
    const SecretHash hash = hash_of(text);
    bool is_one = false;  // all are compared, whichever it is
    for (const SecretHash& key : api_keys_) is_one = crypto::equals(hash, key) || is_one;
    return is_one;
}

core::Result<void> TokenBook::add(TokenRecord record) {
    if (tokens_.size() >= kMaxTokens && !tokens_.contains(record.id)) {
        return refuse(Error::too_many_entries);
    }
    std::string id = record.id;
    tokens_.insert_or_assign(std::move(id), std::move(record));
    return {};
}

bool TokenBook::remove(std::string_view id) {
    const auto found = tokens_.find(id);
    if (found == tokens_.end()) return false;
    tokens_.erase(found);
    return true;
}

core::Result<Grant> TokenBook::verify(std::string_view token, std::uint64_t unix_ms) const {
    if (token.empty() || token.size() > kMaxCredentialBytes) return refuse(Error::invalid_token);
    // Both are compared, whatever the token looks like.
    const bool is_admin = is_api_key(token);
    const TokenParts parts = split_token(token);
    const auto found = tokens_.find(parts.id);
    static constexpr SecretHash kNobody{};
    const SecretHash& expected = found != tokens_.end() ? found->second.hash : kNobody;
    const bool is_secret = crypto::equals(hash_of(parts.secret), expected);
    if (is_admin) {
        return Grant{.id = "admin", .rights = {Right::admin}, .is_for_all = true};
    }
    if (!is_secret || found == tokens_.end()) return refuse(Error::invalid_token);
    const TokenRecord& record = found->second;
    if (record.expires_at_ms != 0 && record.expires_at_ms <= unix_ms) {
        return refuse(Error::invalid_token);
    }
    return Grant{.id = record.id,
                 .rights = record.rights,
                 .is_for_all = record.is_for_all,
                 .universes = record.universes};
}

void TicketBook::expire(core::MonotonicTime now) {
    while (!tickets_.empty() && tickets_.front().expires_at <= now) {
        by_hash_.erase(tickets_.front().hash);
        tickets_.pop_front();
    }
}

core::Result<std::string> TicketBook::issue(UniverseId universe, Grant grant, core::Rng& rng,
                                            core::MonotonicTime now) {
    expire(now);
    if (tickets_.size() >= kMaxTickets) return refuse(Error::too_many_entries);
    std::string text = make_secret(rng);
    tickets_.push_back({.hash = hash_of(text),
                        .universe = universe,
                        .grant = std::move(grant),
                        .expires_at = now + kLifetime});
    by_hash_[tickets_.back().hash] = std::prev(tickets_.end());
    return text;
}

core::Result<Grant> TicketBook::redeem(std::string_view ticket, UniverseId universe,
                                       core::MonotonicTime now) {
    expire(now);
    if (ticket.empty() || ticket.size() > kMaxCredentialBytes) return refuse(Error::invalid_token);
    // Looked up by hash: how long that takes says nothing about the ticket.
    const auto found = by_hash_.find(hash_of(ticket));
    if (found == by_hash_.end()) return refuse(Error::invalid_token);
    Ticket redeemed = std::move(*found->second);
    tickets_.erase(found->second);
    by_hash_.erase(found);
    if (redeemed.universe != universe) return refuse(Error::invalid_token);
    return std::move(redeemed.grant);
}

std::string SessionBook::start(core::Rng& rng, core::MonotonicTime now) {
    std::erase_if(sessions_, [now](const auto& entry) {
        return entry.second.used + kIdle <= now || entry.second.started + kAbsolute <= now;
    });
    if (sessions_.size() >= kMaxSessions) {
        const auto oldest = std::min_element(
            sessions_.begin(), sessions_.end(),
            [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
        oldest->second.lease->end();
        sessions_.erase(oldest);
    }
    std::string id = make_secret(rng);
    auto lease = std::make_shared<Lease>();
    lease->end_at(now + std::min<core::MonotonicTime::duration>(kIdle, kAbsolute));
    sessions_[hash_of(id)] = {.started = now, .used = now, .lease = std::move(lease)};
    return id;
}

std::shared_ptr<const Lease> SessionBook::use(std::string_view id, core::MonotonicTime now) {
    if (id.empty() || id.size() > kMaxCredentialBytes) return nullptr;
    const auto found = sessions_.find(hash_of(id));
    if (found == sessions_.end()) return nullptr;
    Session& session = found->second;
    if (session.used + kIdle <= now || session.started + kAbsolute <= now) {
        session.lease->end();
        sessions_.erase(found);
        return nullptr;
    }
    session.used = now;
    session.lease->end_at(std::min<core::MonotonicTime>(now + kIdle, session.started + kAbsolute));
    return session.lease;
}

bool SessionBook::end(std::string_view id) {
    if (id.empty() || id.size() > kMaxCredentialBytes) return false;
    const auto found = sessions_.find(hash_of(id));
    if (found == sessions_.end()) return false;
    found->second.lease->end();
    sessions_.erase(found);
    return true;
}

void SessionBook::end_all() noexcept {
    for (auto& [hash, session] : sessions_) session.lease->end();
    sessions_.clear();
}

std::optional<std::chrono::seconds> LoginLimiter::attempt(std::string_view address,
                                                          core::MonotonicTime now) {
    constexpr std::chrono::seconds kWindow{60};
    std::string key(address.substr(0, 64));
    if (!counts_.contains(key) && counts_.size() >= kMaxAddresses) {
        std::erase_if(counts_,
                      [&](const auto& entry) { return entry.second.since + kWindow <= now; });
        if (counts_.size() >= kMaxAddresses) key = "*";
    }
    Count& count = counts_[key];
    if (count.attempts == 0 || count.since + kWindow <= now) count = {.since = now, .attempts = 0};
    if (count.attempts >= kPerMinute) {
        return std::chrono::ceil<std::chrono::seconds>(count.since + kWindow - now);
    }
    ++count.attempts;
    return {};
}

std::string_view parse_bearer(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "Bearer ";
    const std::size_t at = authorization.find(kScheme);
    return at == std::string_view::npos ? std::string_view{}
                                        : trim(authorization.substr(at + kScheme.size()));
}

std::string_view parse_protocol_token(std::string_view protocols) noexcept {
    constexpr std::string_view kBearer = "bearer.";
    while (!protocols.empty()) {
        const std::size_t comma = std::min(protocols.find(','), protocols.size());
        const std::string_view one = trim(protocols.substr(0, comma));
        protocols.remove_prefix(std::min(comma + 1, protocols.size()));
        if (one.starts_with(kBearer)) return one.substr(kBearer.size());
    }
    return {};
}

bool is_allowed_origin(std::string_view origin, const std::vector<std::string>& allowed) noexcept {
    if (origin.empty() || origin == "null") return false;
    return std::any_of(allowed.begin(), allowed.end(), [origin](const std::string& one) {
        return std::equal(one.begin(), one.end(), origin.begin(), origin.end(),
                          [](char a, char b) { return lower(a) == lower(b); });
    });
}

}  // namespace pulse::roblox
