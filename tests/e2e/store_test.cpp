// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The server's durable state: when there is a file, what /readyz says of it, how it ends.
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/server_process.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

using namespace pulse::test;
using Catch::Matchers::Contains;

namespace {

/// The bridge and the rooms, which would use the store, are not there.
Settings with_store(const std::filesystem::path& file) {
    return {{"roblox.enabled", "false"},
            {"rooms.enabled", "false"},
            {"store.enabled", "true"},
            {"store.path", "\"" + file.string() + "\""}};
}

/// As soon as it is this.
bool becomes(const ServerProcess& server, int status) {
    return eventually([&] { return http_get(server.port(), "/readyz").status == status; });
}

}  // namespace

TEST_CASE("without a use for it the server opens no store", "[e2e][store]") {
    const ServerProcess server(Settings{{"roblox.enabled", "false"}, {"rooms.enabled", "false"}});
    CHECK(http_get(server.port(), "/readyz").status == 200);
    CHECK(server.metrics().find("pulse_store") == std::string::npos);
}

TEST_CASE("the store is opened, watched, and closed by the drain", "[e2e][store]") {
    const TempDir dir;
    const auto file = dir / "data" / "pulse.db";
    ServerProcess server(with_store(file));
    CHECK(http_get(server.port(), "/readyz").body == "ready\n");
    CHECK(std::filesystem::exists(file));
    CHECK(std::filesystem::exists(file.string() + "-wal"));
    CHECK(server.metric("pulse_store_up") == 1);
    CHECK(server.metric("pulse_store_operations_total{operation=\"commit\"}") == 0);
    CHECK_THAT(server.metrics(), Contains("\npulse_store_commit_seconds_bucket{le=\"+Inf\"} 0\n") &&
                                     Contains("\npulse_store_batches_per_commit_count 0\n") &&
                                     Contains("\npulse_store_waiting_bytes 0\n"));
    server.signal(SIGTERM);
    CHECK(server.wait() == exited(0));
    CHECK_FALSE(std::filesystem::exists(file.string() + "-wal"));
    CHECK_THAT(server.output(), Contains("\"event\":\"stopped\""));
}

TEST_CASE("the memory engine needs no file", "[e2e][store]") {
    const TempDir dir;
    auto settings = with_store(dir / "pulse.db");
    settings["store.engine"] = "\"memory\"";
    const ServerProcess server(settings);
    CHECK(http_get(server.port(), "/readyz").status == 200);
    CHECK(server.metric("pulse_store_up") == 1);
    CHECK_FALSE(std::filesystem::exists(dir / "pulse.db"));
}

TEST_CASE("two servers do not share a file: the second is not ready until the first has ended",
          "[e2e][store]") {
    const TempDir dir;
    const auto file = dir / "pulse.db";
    ServerProcess first(with_store(file));
    const ServerProcess second(with_store(file));
    const HttpAnswer answer = http_get(second.port(), "/readyz");
    CHECK(answer.status == 503);
    CHECK(answer.body == "store: another process uses the file (process id " +
                             std::to_string(first.pid()) + ")\n");
    CHECK(http_get(second.port(), "/healthz").status == 200);
    CHECK(second.metric("pulse_store_up") == 0);
    CHECK(http_get(first.port(), "/readyz").status == 200);
    first.signal(SIGTERM);
    CHECK(first.wait() == exited(0));
    CHECK(becomes(second, 200));
}

TEST_CASE("a damaged file is a reason not to be ready, and no reason to end", "[e2e][store]") {
    const TempDir dir;
    const auto file = dir / "pulse.db";
    std::ofstream(file) << "certainly no database, and more than a hundred bytes of it: "
                        << std::string(100, '.');
    ServerProcess server(with_store(file));
    const HttpAnswer answer = http_get(server.port(), "/readyz");
    CHECK(answer.status == 503);
    CHECK(answer.body == "store: the file is no database\n");
    CHECK(http_get(server.port(), "/health").status == 200);
    std::filesystem::remove(file);
    CHECK(becomes(server, 200));
    server.wait_for_event("store_recovered");
}

TEST_CASE("a server that was killed leaves a file that the next one opens", "[e2e][store]") {
    const TempDir dir;
    const auto file = dir / "pulse.db";
    ServerProcess server(with_store(file));
    CHECK(http_get(server.port(), "/readyz").status == 200);
    server.signal(SIGKILL);
    CHECK(server.wait() == killed_by(SIGKILL));
    const ServerProcess next(with_store(file));
    CHECK(http_get(next.port(), "/readyz").status == 200);
}
