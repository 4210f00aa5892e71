// SPDX-License-Identifier: MIT OR Apache-2.0
#include "jwt_verifier.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace {

using pulse::server::JwtRules;
using pulse::server::JwtVerifier;

// Made with another implementation. The secret is "secret"; all but kEndless expire at 2000.
constexpr std::string_view kGood =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDAsImlzcyI6Im1lIiwiY"
    "XVkIjpbIngiLCJhcHAiXX0.RCULGAojEu9yNyizg3ZBBIMAS-MZYJrjaHWehyBysQQ";
constexpr std::string_view kEndless =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.Sl2SLd0LojSQ-rhW2V5n4GC4rb0qp17dPUjkNSSZpKc";
constexpr std::string_view kLater =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDAsIm5iZiI6MTUwMH0.B6yaUkpAn0Nhek_dt"
    "C93IGVQNCNVjmb4EfmjqtzAFJQ";
constexpr std::string_view kUnsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDB9.";
constexpr std::string_view kConfused =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDB9.9Wup9dF-"
    "RIdtilvwytU6YfL1ovsT5bz1D4DA26xbUFk";
constexpr std::string_view kCritical =
    "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDB9.mEDFk7fnEUu5O5"
    "SlpeTcU2q16587ZZG1bRaS-0y-TTE";
constexpr std::string_view kByKey =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjIwMDB9.leNm4-"
    "oblLT3E7Begu6PxAsK1sCoZdceKXYU99xwj9_7xL_D8WL45MoSW-SFxqH7BlHwq1UclClHzn6vhgLvbBPpUot2"
    "p7Av1j6DLU-"
    "3YdaXaE8n9YUT6s2jYxzq54qEMyF3y0V9yQC5A39QpyWAuoeVG6FSmGIQ5veBa_XNOytRqmUW4Hcrk_xc3Qc5m"
    "sayFnmSwNJtm_FU5aCUCB5B0SYMDCteH3M3ByoB6Q8kCTrb4sKM4YkIyxcFSFQ-"
    "P0znRVvbwzOUWP9p6tPetep10WQufE2tynimKRcyW9I1JC6OJN2ZxBpRiQM_9K7Vj_4x6W6psUUayUuxADVGI6"
    "Xf_w";
constexpr std::string_view kPublicKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsPugstf0m6qlmQmhQn9y\n"
    "h1ItsS/vK3NlSXQAp5e4Jf/3DKpWEo/dXvaGYiVkOU2H1jJ+PtyE2VG1EKBRoSgV\n"
    "x9FCVc4Vm+2KIHvnIo87SVfyQi2EStvhcUELgXBec6g4ZnLOgg/6qSzfClbbuTb/\n"
    "EjkNPdoRqu+vdldQS7880fJiRGCS5sCCtf82vS/QdN4m8TcEXYN4zcS+wIhJGMm+\n"
    "WQfi7XAfkmRXdhCtYxJbpPuvrkYsYWFjNjgvzwkZaSThTVWmafIEtLLyzRppirWz\n"
    "ACfL4w/sDRLT9UIMw31WoeYnrgg3igfhQZwXBYVSP8oPby11XM5eAEx8za1pHOWy\n"
    "JwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

std::string_view refusal(const JwtRules& rules, std::string_view token, std::int64_t now = 1000) {
    const auto verifier = JwtVerifier::make(rules);
    REQUIRE(verifier);
    const auto claims = (*verifier)->verify(token, now);
    return claims ? std::string_view("accepted") : claims.error();
}

JwtRules by_secret() {
    JwtRules rules;
    rules.secret = "secret";
    return rules;
}

JwtRules by_key() {
    JwtRules rules;
    rules.public_key_pem = kPublicKey;
    return rules;
}

TEST_CASE("a signed token gives its claims", "[server][jwt]") {
    const auto verifier = JwtVerifier::make(by_secret());
    REQUIRE(verifier);
    const auto claims = (*verifier)->verify(kGood, 1000);
    REQUIRE(claims);
    CHECK(*claims == R"({"sub":"ada","exp":2000,"iss":"me","aud":["x","app"]})");
    CHECK(refusal(by_key(), kByKey) == "accepted");
}

TEST_CASE("a token with one character changed is refused", "[server][jwt]") {
    for (const auto& [rules, token] :
         {std::pair{by_secret(), kGood}, std::pair{by_key(), kByKey}}) {
        const auto verifier = JwtVerifier::make(rules);
        REQUIRE(verifier);
        for (std::size_t i = 0; i < token.size(); ++i) {
            std::string changed(token);
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            CAPTURE(i);
            CHECK_FALSE((*verifier)->verify(changed, 1000));
            CHECK_FALSE((*verifier)->verify(token.substr(0, i), 1000));
        }
    }
}

TEST_CASE("the key decides the algorithm, never the token", "[server][jwt]") {
    CHECK(refusal(by_secret(), kUnsigned) == "another algorithm");
    CHECK(refusal(by_secret(), kByKey) == "another algorithm");
    // Signed with the public key as a secret.
    CHECK(refusal(by_key(), kConfused) == "another algorithm");
    CHECK(refusal(by_secret(), kCritical) == "another algorithm");
    JwtRules other = by_secret();
    other.secret = "Secret";
    CHECK(refusal(other, kGood) == "wrong signature");
}

TEST_CASE("a token has its time", "[server][jwt]") {
    CHECK(refusal(by_secret(), kGood, 2029) == "accepted");
    CHECK(refusal(by_secret(), kGood, 2030) == "expired");
    CHECK(refusal(by_secret(), kLater, 1469) == "not valid yet");
    CHECK(refusal(by_secret(), kLater, 1470) == "accepted");
    CHECK(refusal(by_secret(), kEndless) == "never expires");
    JwtRules lenient = by_secret();
    lenient.requires_expiry = false;
    CHECK(refusal(lenient, kEndless) == "accepted");
}

TEST_CASE("issuer and audience are held against the rules", "[server][jwt]") {
    JwtRules rules = by_secret();
    rules.issuer = "me";
    rules.audience = "app";
    CHECK(refusal(rules, kGood) == "accepted");
    CHECK(refusal(rules, kLater, 1700) == "another issuer");
    rules.issuer = "you";
    CHECK(refusal(rules, kGood) == "another issuer");
    rules.issuer.clear();
    rules.audience = "ap";
    CHECK(refusal(rules, kGood) == "another audience");
}

TEST_CASE("rules that cannot be kept are refused when they are made", "[server][jwt]") {
    CHECK_FALSE(JwtVerifier::make({}));
    JwtRules both = by_key();
    both.secret = "secret";
    CHECK_FALSE(JwtVerifier::make(both));
    JwtRules broken;
    broken.public_key_pem = "-----BEGIN PUBLIC KEY-----\n";
    CHECK_FALSE(JwtVerifier::make(broken));
}

}  // namespace
