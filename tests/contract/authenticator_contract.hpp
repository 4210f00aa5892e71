// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every Authenticator keeps to. Call it in a TEST_CASE of its own.
#pragma once

#include "support/catch.hpp"
#include "support/eventually.hpp"

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <pulse/core/authenticator.hpp>
#include <pulse/core/error.hpp>

namespace pulse::contract {

struct AuthenticatorUnderTest {
    std::unique_ptr<core::Authenticator> authenticator;
    std::string good_token;
    std::string good_user;                 ///< whom it stands for
    std::optional<std::string> bad_token;  ///< absent: every token is good
    bool is_required = true;
};

/// Asks, with credentials that are gone as soon as authenticate() returns, and waits for the
/// answer.
inline core::Result<core::Identity> ask(core::Authenticator& authenticator, std::string token) {
    const auto answer = std::make_shared<std::promise<core::Result<core::Identity>>>();
    auto future = answer->get_future();
    {
        std::string origin = "https://example.org";
        std::string peer = "192.0.2.1";
        authenticator.authenticate({token, origin, peer}, [answer](auto result) {
            answer->set_value(std::move(result));  // throws when called twice
        });
        token.assign(token.size(), '#');
        origin.assign(origin.size(), '#');
        peer.assign(peer.size(), '#');
    }
    REQUIRE(future.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    return future.get();
}

inline void authenticator_contract(const std::function<AuthenticatorUnderTest()>& make) {
    AuthenticatorUnderTest subject = make();
    core::Authenticator& authenticator = *subject.authenticator;

    SECTION("it says whether credentials are needed") {
        CHECK(authenticator.is_required() == subject.is_required);
    }

    SECTION("who is anonymous has no name") { CHECK(authenticator.anonymous().user.empty()); }

    SECTION("good credentials give the identity they stand for") {
        const auto identity = ask(authenticator, subject.good_token);
        REQUIRE(identity);
        CHECK(identity->user == subject.good_user);
    }

    SECTION("the same credentials are good again") {
        for (int i = 0; i < 3; ++i) {
            const auto identity = ask(authenticator, subject.good_token);
            REQUIRE(identity);
            CHECK(identity->user == subject.good_user);
        }
    }

    SECTION("bad credentials are refused as unauthorized") {
        if (!subject.bad_token) return;
        CHECK(ask(authenticator, *subject.bad_token).error() == core::Error::unauthorized);
        CHECK(ask(authenticator, "").error() == core::Error::unauthorized);
        const std::string huge(1024 * 1024, 'x');
        CHECK(ask(authenticator, huge).error() == core::Error::unauthorized);
        CHECK(ask(authenticator, std::string("\0\xff\n", 3)).error() == core::Error::unauthorized);
    }

    SECTION("almost the right credentials are refused too") {
        if (!subject.bad_token) return;
        CHECK(ask(authenticator, subject.good_token + "x").error() == core::Error::unauthorized);
        CHECK(ask(authenticator, subject.good_token + std::string(1, '\0')).error() ==
              core::Error::unauthorized);
        CHECK(ask(authenticator, subject.good_token.substr(1)).error() ==
              core::Error::unauthorized);
        std::string shorter = subject.good_token;
        shorter.pop_back();
        CHECK(ask(authenticator, shorter).error() == core::Error::unauthorized);
    }

    SECTION("every question of many threads is answered once") {
        constexpr int kThreads = 4;
        constexpr int kEach = 50;
        struct Answers {
            std::atomic<int> total{0};
            std::atomic<int> right{0};
        };
        const auto answers = std::make_shared<Answers>();
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
            threads.emplace_back([&, answers] {
                for (int i = 0; i < kEach; ++i) {
                    const bool is_good = !subject.bad_token || i % 2 == 0;
                    const std::string token = is_good ? subject.good_token : *subject.bad_token;
                    authenticator.authenticate({token, {}, {}}, [answers, is_good](auto result) {
                        if (result.has_value() == is_good) ++answers->right;
                        ++answers->total;
                    });
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(test::eventually([&] { return answers->total >= kThreads * kEach; }));
        CHECK(answers->total == kThreads * kEach);
        CHECK(answers->right == kThreads * kEach);
    }
}

}  // namespace pulse::contract
