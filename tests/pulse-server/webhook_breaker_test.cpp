// SPDX-License-Identifier: MIT OR Apache-2.0
#include "webhook_breaker.hpp"

#include "support/catch.hpp"

using namespace pulse;
using namespace std::chrono_literals;
using server::WebhookBreaker;

namespace {

/// Opens it.
void leave_unanswered(WebhookBreaker& breaker, core::MonotonicTime now) {
    for (std::uint32_t i = 1; i < WebhookBreaker::kUnansweredToOpen; ++i) {
        CHECK_FALSE(breaker.unanswered(now));
        CHECK(breaker.lets_through(now));
    }
    CHECK(breaker.unanswered(now));
}

}  // namespace

TEST_CASE("requests without an answer open the breaker, once", "[webhook]") {
    const core::MonotonicTime now{100s};
    WebhookBreaker breaker;
    leave_unanswered(breaker, now);
    CHECK(breaker.is_open());
    CHECK_FALSE(breaker.lets_through(now));
    CHECK_FALSE(breaker.unanswered(now));
}

TEST_CASE("an answer in between begins the count anew", "[webhook]") {
    const core::MonotonicTime now{100s};
    WebhookBreaker breaker;
    for (std::uint32_t i = 1; i < WebhookBreaker::kUnansweredToOpen; ++i) {
        CHECK_FALSE(breaker.unanswered(now));
    }
    CHECK_FALSE(breaker.answered());
    leave_unanswered(breaker, now);
}

TEST_CASE("an open breaker lets one probe through at a time, whose answer closes it", "[webhook]") {
    core::MonotonicTime now{100s};
    WebhookBreaker breaker;
    leave_unanswered(breaker, now);
    now += WebhookBreaker::kProbeEvery;
    CHECK(breaker.lets_through(now));
    CHECK_FALSE(breaker.lets_through(now));
    CHECK_FALSE(breaker.unanswered(now));
    now += WebhookBreaker::kProbeEvery;
    CHECK(breaker.lets_through(now));
    CHECK(breaker.answered());
    CHECK_FALSE(breaker.is_open());
    CHECK(breaker.lets_through(now));
    CHECK_FALSE(breaker.answered());
}
