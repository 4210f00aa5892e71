// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links the store's engine on Redis, and asks one that is not there, which is said.
#include <cstdio>
#include <future>
#include <system_error>

#include <pulse/core/error.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/store/redis_store.hpp>

namespace core = pulse::core;

int main() {
    const core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    const auto make = [&](const char* url) {
        return pulse::store::make_redis_document_store(url, {}, {clock, rng, log});
    };
    if (make("http://host")) return 1;
    const auto store = make("unix:///nowhere/redis.sock");
    if (!store || (*store)->status().text.empty()) return 1;
    std::promise<std::error_code> answer;
    (*store)->commit(core::DocumentBatch().put("key", "value"), [&](auto committed) {
        answer.set_value(committed ? std::error_code() : committed.error());
    });
    if (answer.get_future().get() != core::Error::store_unavailable) return 1;
    std::puts("store on redis works");
    return 0;
}
