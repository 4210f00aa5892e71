// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Three servers with two clients each, joined by a server of somebody else's, of which the third
// has a proxy in front. Under load from the beginning; at the end the checker judges.
#pragma once

#include "load.hpp"
#include "servers.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace pulse::test {

/// How long a fault goes on.
inline std::chrono::milliseconds fault_time(std::chrono::milliseconds in_short) {
    const char* const seconds = std::getenv("PULSE_CHAOS_SECONDS");
    return seconds == nullptr ? in_short : std::chrono::seconds(std::strtol(seconds, nullptr, 10));
}

/// `Bus`: Server and Proxy, and what of the one the other needs.
template <typename Bus>
class Scene {
  private:
    // In front: clients' threads ask for it to their end.
    std::atomic<std::uint16_t> ports_[3]{};
    const std::string name_;

  public:
    typename Bus::Server server;

  private:
    typename Bus::Proxy proxy_;

  public:
    std::vector<std::unique_ptr<ServerProcess>> servers;
    std::vector<std::unique_ptr<Subscriber>> subscribers;
    std::vector<std::unique_ptr<Publisher>> publishers;

    explicit Scene(const std::string& name, const std::string& channel = "kept")
        : name_(name), proxy_(Bus::address(server)) {
        for (std::size_t i = 0; i < 3; ++i) {
            const std::string url = i == 2 ? proxy_.url() : server.url();
            servers.push_back(std::make_unique<ServerProcess>(cluster_settings(url)));
            REQUIRE(becomes_ready(*servers.back()));
            ports_[i] = servers.back()->port();
        }
        for (std::size_t i = 0; i < 6; ++i) {
            subscribers.push_back(std::make_unique<Subscriber>(
                "client " + std::to_string(i) + " of server " + std::to_string(i / 2), channel,
                [this, i] { return ports_[i / 2].load(); }));
        }
        for (const auto& each : subscribers) {
            REQUIRE(eventually([&] { return each->is_subscribed(); }, std::chrono::seconds(30)));
        }
        for (std::size_t i = 0; i < 3; ++i) {
            publishers.push_back(std::make_unique<Publisher>(
                "p" + std::to_string(i), channel, [this, i] { return ports_[i].load(); }));
        }
        go_on();
    }

    /// Until every publisher has got some acknowledgements more.
    void go_on() {
        std::vector<std::uint64_t> before;
        for (const auto& each : publishers) before.push_back(each->acknowledged());
        for (std::size_t i = 0; i < publishers.size(); ++i) {
            CHECK(eventually([&] { return publishers[i]->acknowledged() >= before[i] + 50; },
                             std::chrono::seconds(60)));
        }
    }
    void pause(std::chrono::milliseconds in_short) {
        std::this_thread::sleep_for(fault_time(in_short));
    }
    /// Clients of this server go to that one.
    void move_clients(std::size_t from, std::size_t to) { ports_[from] = ports_[to].load(); }
    [[nodiscard]] typename Bus::Proxy& proxy() noexcept { return proxy_; }
    [[nodiscard]] bool is_ready(std::size_t i) { return readiness(*servers[i]).status == 200; }

    Verdict finish() {
        go_on();
        Published published;
        for (const auto& each : publishers) each->stop_into(published);
        // Everybody who was told of no gap gets everything.
        for (const auto& each : subscribers) {
            CHECK(eventually(
                [&] {
                    if (each->gaps() != 0) return true;
                    for (const std::string& text : published.acknowledged) {
                        if (!each->has(text)) return false;
                    }
                    return true;
                },
                std::chrono::seconds(30)));
        }
        std::vector<Story> stories;
        for (const auto& each : subscribers) stories.push_back(each->stop());
        Verdict verdict = check(stories, published);
        for (const std::string& problem : verdict.problems) FAIL_CHECK(problem);
        CHECK(verdict.publications >= published.acknowledged.size());
        std::cout << "chaos: " << name_ << ": " << published.tried.size() << " published, "
                  << published.acknowledged.size() << " acknowledged, " << verdict.publications
                  << " delivered, " << verdict.recoveries << " recoveries, " << verdict.gaps
                  << " gaps told, " << verdict.problems.size() << " problems\n";
        return verdict;
    }

    /// Its clients go to another one, and recover there.
    void kill_a_server() {
        servers[1]->signal(SIGKILL);
        CHECK(servers[1]->wait() == killed_by(SIGKILL));
        pause(std::chrono::milliseconds(200));
        move_clients(1, 0);
        const Verdict verdict = finish();
        CHECK(verdict.gaps == 0);
        CHECK(verdict.recoveries >= 2);
    }
};

}  // namespace pulse::test
