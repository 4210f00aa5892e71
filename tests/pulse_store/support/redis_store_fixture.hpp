// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis of its own for a store, a clock that stands still, and what the store logged.
#pragma once

#include "support/catch.hpp"
#include "support/document_calls.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"
#include "support/recording_log.hpp"
#include "support/redis_server.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pulse/core/error.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/store/redis_store.hpp>

namespace pulse::test {

struct RedisStoreFixture {
    /// `redis_options`: of redis-server.
    explicit RedisStoreFixture(std::vector<std::string> redis_options = {})
        : redis(std::move(redis_options)), url(redis.url()) {
        options.retry_interval = std::chrono::milliseconds(2);
        options.sweep_interval = std::chrono::milliseconds(2);
    }

    [[nodiscard]] std::unique_ptr<core::DocumentStore> open() {
        return store::make_redis_document_store(url, options, {clock, rng, log}).value();
    }
    /// One that works.
    [[nodiscard]] std::unique_ptr<core::DocumentStore> open_well() {
        auto opened = open();
        INFO(opened->status().text);
        REQUIRE(opened->status().is_available());
        return opened;
    }
    [[nodiscard]] static bool becomes_available(const core::DocumentStore& store) {
        return eventually([&] { return store.status().is_available(); });
    }

    RedisServer redis;
    std::string url;
    ManualClock clock;
    core::SystemRng rng;
    RecordingLog log;
    store::RedisDocumentStoreOptions options;
};

/// What Redis keeps through being killed.
[[nodiscard]] inline std::vector<std::string> append_only() {
    return {"--appendonly", "yes", "--appendfsync", "always"};
}

}  // namespace pulse::test
