// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Servers with a Roblox bridge, one after another on the same store and keys, and an Open Cloud of
// their own.
#pragma once

#include "mock-open-cloud/mock_open_cloud.hpp"
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/server_process.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace pulse::test {

/// In quotes, as TOML wants it.
[[nodiscard]] inline std::string toml_text(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

/// Not known to be loopback, since it is no address but a name; and yet nobody beyond this machine
/// reaches it: the resolver takes it for 127.0.0.1.
inline constexpr const char* kBeyondLoopback = "\"127.1\"";

struct BridgeFixture {
    /// Open Cloud knows this key, for every universe.
    static constexpr const char* kCloudKey = "cloud-key-of-the-game";

    BridgeFixture() { REQUIRE(mock->cloud()->put_key(kCloudKey, {})); }

    [[nodiscard]] std::filesystem::path data() const { return dir / "data"; }
    [[nodiscard]] Settings settings() const {
        return {{"store.path", toml_text((data() / "pulse.db").string())},
                {"roblox.key_directory", toml_text(data().string())},
                {"roblox.open_cloud_url", toml_text(mock->url())}};
    }
    [[nodiscard]] Settings settings(const Settings& more) const {
        Settings all = settings();
        for (const auto& [key, value] : more) all[key] = value;
        return all;
    }
    /// What a key file holds, without the line's end.
    [[nodiscard]] std::string key(const std::string& file = "roblox-admin.key") const {
        std::ifstream stream(data() / file);
        std::string line;
        std::getline(stream, line);
        REQUIRE_FALSE(line.empty());
        return line;
    }

    TempDir dir;
    std::unique_ptr<mock::MockOpenCloud> mock = mock::MockOpenCloud::start().value();
};

/// One who has a key and talks to a server.
class Caller {
  public:
    Caller(const ServerProcess& server, std::string key)
        : port_(server.port()), key_(std::move(key)) {}

    [[nodiscard]] std::string request(std::string_view method, std::string_view path,
                                      std::string_view body = {}) const {
        std::string text(method);
        text.append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        if (!key_.empty()) text.append("Authorization: Bearer ").append(key_).append("\r\n");
        if (method != "GET") {
            text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
        }
        return text.append("\r\n").append(body);
    }
    [[nodiscard]] HttpAnswer get(std::string_view path) const {
        return http_exchange(port_, request("GET", path));
    }
    [[nodiscard]] HttpAnswer post(std::string_view path, const nlohmann::json& body) const {
        return http_exchange(port_, request("POST", path, body.dump()));
    }
    [[nodiscard]] HttpAnswer add(const std::string& universe,
                                 const std::string& cloud_key = BridgeFixture::kCloudKey) const {
        return post("/universe/registry/add",
                    {{"universeId", universe}, {"openCloudApiKey", cloud_key}});
    }
    /// The state of the universe's key in slot 0.
    [[nodiscard]] std::string key_state(const std::string& universe) const {
        const HttpAnswer answer = get("/universe/" + universe);
        REQUIRE(answer.status == 200);
        return nlohmann::json::parse(answer.body).at("keys").at(0).at("state");
    }
    /// Until the registry is there.
    [[nodiscard]] bool is_served() const {
        return eventually([this] { return get("/universe/registry").status == 200; });
    }

  private:
    std::uint16_t port_;
    std::string key_;
};

}  // namespace pulse::test
