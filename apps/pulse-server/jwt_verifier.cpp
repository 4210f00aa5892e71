// SPDX-License-Identifier: MIT OR Apache-2.0
#include "jwt_verifier.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <pulse/core/json.hpp>
#include <pulse/protocol/utf8.hpp>

namespace pulse::server {

namespace json = core::json;

namespace {

constexpr std::size_t kMaxTokenBytes = std::size_t{16} * 1024;

using Refused = tl::unexpected<std::string_view>;

struct KeyDeleter {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct ContextDeleter {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct BioDeleter {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

constexpr int sextet(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

/// RFC 4648 §5 without padding; bits left over must be zero.
std::optional<std::string> decode(std::string_view text) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = sextet(c);
        if (value < 0) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>((bits >> count) & 0xFF);
    }
    if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
    return out;
}

json::Value member(json::Value object, std::string_view name) {
    json::Value found;
    json::Members members(object);
    while (const auto each = members.next()) {
        if (json::is_key(each->key, name)) found = each->value;
    }
    return found;
}

std::optional<double> number(json::Value value) {
    double out = 0;
    const char* const end = value.raw.data() + value.raw.size();
    const auto [at, error] = std::from_chars(value.raw.data(), end, out);
    if (error != std::errc{} || at != end || !std::isfinite(out)) return std::nullopt;
    return out;
}

bool is_or_contains(json::Value value, std::string_view wanted) {
    if (value.is(json::Type::text)) return value.text() == wanted;
    if (!value.is(json::Type::array)) return false;
    json::Elements elements(value);
    while (const auto each = elements.next()) {
        if (each->is(json::Type::text) && each->text() == wanted) return true;
    }
    return false;
}

class Verifier final : public JwtVerifier {
  public:
    Verifier(JwtRules rules, std::unique_ptr<EVP_PKEY, KeyDeleter> key)
        : rules_(std::move(rules)), key_(std::move(key)) {}

    tl::expected<std::string, std::string_view> verify(std::string_view token,
                                                       std::int64_t now) const override {
        if (token.size() > kMaxTokenBytes) return Refused("too long");
        const std::size_t first = token.find('.');
        const std::size_t second =
            token.find('.', first == std::string_view::npos ? first : first + 1);
        if (second == std::string_view::npos) return Refused("not a token");
        const auto head = decode(token.substr(0, first));
        auto claims = decode(token.substr(first + 1, second - first - 1));
        const auto signature = decode(token.substr(second + 1));
        if (!head || !claims || !signature) return Refused("not a token");
        if (!is_algorithm(*head)) return Refused("another algorithm");
        const std::string_view signed_part = token.substr(0, second);
        const bool is_signed = key_ != nullptr ? is_signed_by_key(signed_part, *signature)
                                               : is_signed_by_secret(signed_part, *signature);
        if (!is_signed) return Refused("wrong signature");
        const auto problem = check_claims(*claims, now);
        if (!problem.empty()) return Refused(problem);
        return std::move(*claims);
    }

  private:
    /// The key decides, never the token.
    [[nodiscard]] bool is_algorithm(const std::string& head) const {
        const json::Parsed parsed = json::parse(head);
        if (!parsed || !parsed.value.is(json::Type::object)) return false;
        // Extensions that must be understood are not.
        if (member(parsed.value, "crit").is_present()) return false;
        const json::Value algorithm = member(parsed.value, "alg");
        return algorithm.is(json::Type::text) &&
               algorithm.text() == (key_ != nullptr ? "RS256" : "HS256");
    }

    [[nodiscard]] bool is_signed_by_secret(std::string_view text, const std::string& mac) const {
        std::array<unsigned char, EVP_MAX_MD_SIZE> own{};
        unsigned int bytes = 0;
        const auto* const made = HMAC(
            EVP_sha256(), rules_.secret.data(), static_cast<int>(rules_.secret.size()),
            reinterpret_cast<const unsigned char*>(text.data()), text.size(), own.data(), &bytes);
        return made != nullptr && mac.size() == bytes &&
               CRYPTO_memcmp(own.data(), mac.data(), bytes) == 0;
    }

    [[nodiscard]] bool is_signed_by_key(std::string_view text, const std::string& signature) const {
        const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
        if (context == nullptr) return false;
        if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1) {
            return false;
        }
        return EVP_DigestVerify(
                   context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                   signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                   text.size()) == 1;
    }

    /// What is wrong, or nothing.
    [[nodiscard]] std::string_view check_claims(const std::string& claims, std::int64_t now) const {
        if (!protocol::is_valid_utf8(claims)) return "not a token";
        const json::Parsed parsed = json::parse(claims);
        if (!parsed || !parsed.value.is(json::Type::object)) return "not a token";
        const auto seconds = static_cast<double>(now);
        const auto leeway = static_cast<double>(rules_.leeway_seconds);
        const json::Value expiry = member(parsed.value, "exp");
        if (!expiry.is_present()) {
            if (rules_.requires_expiry) return "never expires";
        } else {
            const auto at = number(expiry);
            if (!at || *at + leeway <= seconds) return "expired";
        }
        const json::Value begin = member(parsed.value, "nbf");
        if (begin.is_present()) {
            const auto at = number(begin);
            if (!at || *at - leeway > seconds) return "not valid yet";
        }
        const json::Value issuer = member(parsed.value, "iss");
        if (!rules_.issuer.empty() &&
            !(issuer.is(json::Type::text) && issuer.text() == rules_.issuer)) {
            return "another issuer";
        }
        if (!rules_.audience.empty() &&
            !is_or_contains(member(parsed.value, "aud"), rules_.audience)) {
            return "another audience";
        }
        return {};
    }

    const JwtRules rules_;
    const std::unique_ptr<EVP_PKEY, KeyDeleter> key_;  ///< null: HS256
};

}  // namespace

tl::expected<std::shared_ptr<const JwtVerifier>, std::string> JwtVerifier::make(JwtRules rules) {
    if (rules.secret.empty() == rules.public_key_pem.empty()) {
        return tl::unexpected(std::string("needs either a secret or a public key"));
    }
    std::unique_ptr<EVP_PKEY, KeyDeleter> key;
    if (!rules.public_key_pem.empty()) {
        const std::unique_ptr<BIO, BioDeleter> bio(BIO_new_mem_buf(
            rules.public_key_pem.data(), static_cast<int>(rules.public_key_pem.size())));
        if (bio != nullptr) key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
        if (key == nullptr || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
            return tl::unexpected(std::string("the file holds no RSA public key in PEM"));
        }
        if (EVP_PKEY_bits(key.get()) < 2048) {
            return tl::unexpected(std::string("the RSA key has less than 2048 bits"));
        }
    }
    return std::make_shared<const Verifier>(std::move(rules), std::move(key));
}

}  // namespace pulse::server
