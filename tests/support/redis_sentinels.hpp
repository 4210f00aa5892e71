// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A master, its replica, and sentinels that watch them, on ports of 127.0.0.1.
#pragma once

#include "support/redis_server.hpp"
#include "support/tcp_ports.hpp"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace pulse::test {

class RedisSentinels {
  public:
    static constexpr std::size_t kSentinels = 3;

    /// `options` of the two Redis, `sentinel_options` are lines of the sentinels' files.
    explicit RedisSentinels(const std::vector<std::string>& options = {},
                            const std::string& sentinel_options = {})
        : ports_(free_ports(2 + kSentinels)) {
        for (std::size_t i = 0; i < 2; ++i) {
            std::vector<std::string> all{"--bind",
                                         "127.0.0.1",
                                         "--port",
                                         std::to_string(ports_[i]),
                                         "--repl-diskless-sync-delay",
                                         "0"};
            if (i == 1) {
                all.insert(all.end(), {"--replicaof", "127.0.0.1", std::to_string(ports_[0])});
            }
            all.insert(all.end(), options.begin(), options.end());
            redis_.push_back(std::make_unique<RedisServer>(std::move(all)));
        }
        wait_for_replica(1);
        for (std::size_t i = 0; i < kSentinels; ++i) start_sentinel(i, sentinel_options);
        // Each of them knows the others and the replica: only then they can agree.
        const bool is_ready = eventually(
            [&] {
                for (std::size_t i = 0; i < kSentinels; ++i) {
                    const std::string masters = ask_sentinel(i, "SENTINEL MASTERS");
                    if (field(masters, "num-slaves") != "1") return false;
                    if (field(masters, "num-other-sentinels") != "2") return false;
                }
                return true;
            },
            std::chrono::seconds(30));
        if (!is_ready) throw std::runtime_error("the sentinels do not find one another");
    }

    [[nodiscard]] RedisServer& redis(std::size_t i) { return *redis_.at(i); }
    [[nodiscard]] std::uint16_t redis_port(std::size_t i) const { return ports_.at(i); }
    [[nodiscard]] ChildProcess& sentinel(std::size_t i) { return *sentinels_.at(i); }
    [[nodiscard]] std::uint16_t sentinel_port(std::size_t i) const { return ports_.at(2 + i); }
    /// "127.0.0.1:1,127.0.0.1:2,…"
    [[nodiscard]] std::string hosts() const {
        std::string text;
        for (std::size_t i = 0; i < kSentinels; ++i) {
            text += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(sentinel_port(i));
        }
        return text;
    }
    [[nodiscard]] std::string url() const { return "redis+sentinel://" + hosts() + "/main"; }
    /// Until this Redis has all that the other one has.
    void wait_for_replica(std::size_t i) {
        const bool is_there = eventually(
            [&] {
                const std::string info = redis_[i]->ask("INFO replication");
                return info.find("master_link_status:up") != std::string::npos;
            },
            std::chrono::seconds(30));
        if (!is_there) throw std::runtime_error("no replication");
    }
    /// Until that Redis is the master. Sentinels that were held up for two seconds themselves
    /// decide nothing for thirty (their TILT mode), and a vote that came to nothing is repeated
    /// after six.
    [[nodiscard]] bool becomes_master(std::size_t i) {
        return eventually([&] { return is_master(i); }, std::chrono::seconds(75));
    }
    [[nodiscard]] bool is_master(std::size_t i) {
        return redis_[i]->ask("INFO replication").find("role:master") != std::string::npos;
    }
    std::string ask_sentinel(std::size_t i, const std::string& command) const {
        const int fd = connect_tcp(sentinel_port(i));
        return fd < 0 ? std::string() : ask_redis(fd, command);
    }

  private:
    void start_sentinel(std::size_t i, const std::string& options) {
        const std::string name = "sentinel" + std::to_string(i);
        const std::string file = (directory_ / (name + ".conf")).string();
        std::ofstream(file) << "bind 127.0.0.1\nport " << sentinel_port(i) << "\ndir "
                            << directory_.path().string() << "\nsentinel monitor main 127.0.0.1 "
                            << redis_port(0)
                            << " 2\nsentinel down-after-milliseconds main 500\n"
                               "sentinel failover-timeout main 3000\n"
                            << options;
        sentinels_.push_back(std::make_unique<ChildProcess>(
            std::vector<std::string>{find_program("redis-server"), file, "--sentinel"},
            directory_ / (name + ".log")));
        if (!eventually([&] { return is_listened_to(sentinel_port(i)); })) {
            throw std::runtime_error("a sentinel does not start");
        }
    }
    /// The value behind `name` in an answer of names and values, as it is on the wire.
    [[nodiscard]] static std::string field(const std::string& answer, const std::string& name) {
        std::size_t at = answer.find("\r\n" + name + "\r\n");
        if (at == std::string::npos) return {};
        at = answer.find("\r\n", at + name.size() + 4);
        if (at == std::string::npos) return {};
        return answer.substr(at + 2, answer.find("\r\n", at + 2) - at - 2);
    }

    TempDir directory_;
    std::vector<std::uint16_t> ports_;
    std::vector<std::unique_ptr<RedisServer>> redis_;
    std::vector<std::unique_ptr<ChildProcess>> sentinels_;
};

}  // namespace pulse::test
