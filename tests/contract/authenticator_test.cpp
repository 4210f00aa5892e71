// SPDX-License-Identifier: MIT OR Apache-2.0
#include "authenticator_contract.hpp"

#include <mutex>
#include <stdexcept>
#include <system_error>

using namespace pulse;

TEST_CASE("the open authenticator keeps the contract", "[contract][authenticator]") {
    contract::authenticator_contract([] {
        return contract::AuthenticatorUnderTest{core::make_open_authenticator(), "anything", "",
                                                std::nullopt, false};
    });
}

TEST_CASE("the token authenticator keeps the contract", "[contract][authenticator]") {
    contract::authenticator_contract([] {
        return contract::AuthenticatorUnderTest{
            core::make_token_authenticator({{"ann", "secret-of-ann"}, {"bob", "secret-of-bob"}}),
            "secret-of-bob", "bob", "secret-of-eve"};
    });
}

TEST_CASE("the callback authenticator keeps the contract when it answers at once",
          "[contract][authenticator]") {
    contract::authenticator_contract([] {
        return contract::AuthenticatorUnderTest{
            core::make_callback_authenticator([](const core::Credentials& given, auto done) {
                if (given.token == "good-token") {
                    done(core::Identity{"ann", nullptr});
                } else {
                    done(tl::unexpected(make_error_code(core::Error::unauthorized)));
                }
            }),
            "good-token", "ann", "bad-token"};
    });
}

TEST_CASE("the callback authenticator keeps the contract when it answers on other threads",
          "[contract][authenticator]") {
    struct Workers {
        std::mutex mutex;
        std::vector<std::thread> threads;
        ~Workers() {
            for (std::thread& thread : threads) thread.join();
        }
    };
    const auto workers = std::make_shared<Workers>();
    contract::authenticator_contract([workers] {
        auto ask = [workers](const core::Credentials& given, core::Authenticator::Done done) {
            const std::lock_guard lock(workers->mutex);
            workers->threads.emplace_back(
                [token = std::string(given.token), done = std::move(done)] {
                    if (token == "good-token") {
                        done(core::Identity{"ann", nullptr});
                    } else {
                        done(tl::unexpected(make_error_code(core::Error::unauthorized)));
                    }
                });
        };
        return contract::AuthenticatorUnderTest{
            core::make_callback_authenticator(std::move(ask), false), "good-token", "ann",
            "bad-token", false};
    });
}

TEST_CASE("everybody is anonymous with every right at the open door", "[contract][authenticator]") {
    const auto open = core::make_open_authenticator();
    const auto identity = contract::ask(*open, "whatever");
    REQUIRE(identity);
    CHECK(identity->user.empty());
    for (const auto action :
         {core::Action::subscribe, core::Action::publish, core::Action::presence}) {
        CHECK(identity->allows(action, "any channel"));
        CHECK(open->anonymous().allows(action, "any channel"));
    }
}

TEST_CASE("an identity may do what its rights say", "[contract][authenticator]") {
    class OnlyNews final : public core::Rights {
      public:
        [[nodiscard]] bool allows(core::Action action,
                                  std::string_view channel) const noexcept override {
            return action == core::Action::subscribe && channel == "news";
        }
    };
    const core::Identity identity{"ann", std::make_shared<OnlyNews>()};
    CHECK(identity.allows(core::Action::subscribe, "news"));
    CHECK_FALSE(identity.allows(core::Action::publish, "news"));
    CHECK_FALSE(identity.allows(core::Action::subscribe, "other"));
}

TEST_CASE("a token entry left empty lets nobody in", "[contract][authenticator]") {
    const auto tokens = core::make_token_authenticator({{"nobody", ""}, {"ann", "a"}});
    CHECK(contract::ask(*tokens, "").error() == core::Error::unauthorized);
    CHECK(contract::ask(*tokens, "a")->user == "ann");
    const auto none = core::make_token_authenticator({});
    CHECK(contract::ask(*none, "").error() == core::Error::unauthorized);
    CHECK(contract::ask(*none, "a").error() == core::Error::unauthorized);
}

TEST_CASE("of equal tokens the first entry counts", "[contract][authenticator]") {
    const auto tokens =
        core::make_token_authenticator({{"a", "x"}, {"b", "same"}, {"c", "same"}, {"d", "y"}});
    CHECK(contract::ask(*tokens, "same")->user == "b");
    CHECK(contract::ask(*tokens, "x")->user == "a");
    CHECK(contract::ask(*tokens, "y")->user == "d");
}

TEST_CASE("a callback that errs still gets exactly one answer across",
          "[contract][authenticator]") {
    const auto outcome = [](core::AuthenticateFunction function) {
        const auto authenticator = core::make_callback_authenticator(std::move(function));
        return contract::ask(*authenticator, "token");
    };
    SECTION("answers twice: the first counts") {
        const auto identity = outcome([](const auto&, auto done) {
            done(core::Identity{"first", nullptr});
            done(core::Identity{"second", nullptr});
        });
        REQUIRE(identity);
        CHECK(identity->user == "first");
    }
    SECTION("never answers: an error that is not a refusal") {
        const auto identity = outcome([](const auto&, auto) {});
        REQUIRE_FALSE(identity);
        CHECK(identity.error() == std::errc::operation_canceled);
        CHECK_FALSE(identity.error() == core::Condition::denied);
    }
    SECTION("throws before answering") {
        const auto identity =
            outcome([](const auto&, auto) { throw std::runtime_error("database is down"); });
        REQUIRE_FALSE(identity);
        CHECK(identity.error() == std::errc::operation_canceled);
    }
    SECTION("throws after answering: the answer stands") {
        const auto identity = outcome([](const auto&, auto done) {
            done(core::Identity{"ann", nullptr});
            throw std::runtime_error("too late");
        });
        REQUIRE(identity);
        CHECK(identity->user == "ann");
    }
    SECTION("is no function at all") { CHECK_FALSE(outcome(nullptr)); }
}
