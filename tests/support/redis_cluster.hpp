// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Redis Cluster on ports of 127.0.0.1: masters that share the slots evenly, and replicas of the
// first of them.
#pragma once

#include "support/redis_server.hpp"
#include "support/tcp_ports.hpp"

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace pulse::test {

class RedisCluster {
  public:
    static constexpr std::size_t kSlots = 16384;

    /// `options`: of each redis-server, more than it has.
    explicit RedisCluster(std::size_t masters, std::size_t replicas = 0,
                          const std::vector<std::string>& options = {})
        : masters_(masters), ports_(free_ports(2 * (masters + replicas))) {
        for (std::size_t i = 0; i < masters + replicas; ++i) add(i, options);
        for (std::size_t i = 1; i < size(); ++i) {
            expect(i, "CLUSTER MEET 127.0.0.1 " + std::to_string(port(0)) + " " +
                          std::to_string(bus_port(0)));
        }
        wait([&](std::size_t i) {
            return info(i, "cluster_known_nodes") == std::to_string(size());
        });
        for (std::size_t i = masters; i < size(); ++i) {
            // It has to have heard of that master as one.
            const std::string command = "CLUSTER REPLICATE " + id(i - masters);
            if (!eventually([&] { return redis(i).ask(command) == "+OK\r\n"; })) {
                throw std::runtime_error("no replica");
            }
        }
        wait([&](std::size_t i) { return info(i, "cluster_state") == "ok"; });
        wait([&](std::size_t i) {
            return i < masters_ || redis(i).ask("INFO replication").find("master_link_status:up") !=
                                       std::string::npos;
        });
    }

    [[nodiscard]] std::size_t size() const noexcept { return redis_.size(); }
    [[nodiscard]] RedisServer& redis(std::size_t i) const { return *redis_.at(i); }
    [[nodiscard]] std::uint16_t port(std::size_t i) const { return ports_.at(2 * i); }
    [[nodiscard]] std::string url() const {
        return "redis+cluster://127.0.0.1:" + std::to_string(port(0)) +
               ",127.0.0.1:" + std::to_string(port(1 % size()));
    }
    /// The master that had the slot in the beginning.
    [[nodiscard]] std::size_t first_owner(std::size_t slot) const {
        return slot * masters_ / kSlots;
    }
    [[nodiscard]] std::string id(std::size_t i) const {
        const std::string answer = redis(i).ask("CLUSTER MYID");
        return answer.substr(answer.find('\n') + 1, 40);
    }
    [[nodiscard]] bool is_master(std::size_t i) const {
        return redis(i).ask("INFO replication").find("role:master") != std::string::npos;
    }

    /// An election that comes to nothing is tried again after eight seconds.
    [[nodiscard]] bool becomes_master(std::size_t i) const {
        return eventually([&] { return is_master(i); }, std::chrono::seconds(75));
    }

    // The steps of moving a slot, as redis-cli takes them.

    void begin_to_move(std::size_t slot, std::size_t from, std::size_t to) {
        const std::string head = "CLUSTER SETSLOT " + std::to_string(slot);
        expect(to, head + " IMPORTING " + id(from));
        expect(from, head + " MIGRATING " + id(to));
    }
    void move_keys(const std::string& keys, std::size_t from, std::size_t to) {
        expect(from, "MIGRATE 127.0.0.1 " + std::to_string(port(to)) + " \"\" 0 5000 KEYS " + keys);
    }
    /// Up to a hundred, with blanks between.
    [[nodiscard]] std::string keys_in(std::size_t slot, std::size_t at) const {
        const std::string answer =
            redis(at).ask("CLUSTER GETKEYSINSLOT " + std::to_string(slot) + " 100");
        std::string keys;
        std::istringstream lines(answer);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with('*') || line.starts_with('$')) continue;
            line.pop_back();  // \r
            keys.append(keys.empty() ? "" : " ").append(line);
        }
        return keys;
    }
    /// With all that it has, though more of it comes meanwhile.
    void move_slot(std::size_t slot, std::size_t from, std::size_t to) {
        begin_to_move(slot, from, to);
        const bool is_moved = eventually(
            [&] {
                const std::string keys = keys_in(slot, from);
                if (!keys.empty()) move_keys(keys, from, to);
                return keys.empty();
            },
            std::chrono::seconds(30));
        if (!is_moved) throw std::runtime_error("the slot is never empty");
        end_move(slot, to);
    }
    void end_move(std::size_t slot, std::size_t to) {
        const std::string command = "CLUSTER SETSLOT " + std::to_string(slot) + " NODE " + id(to);
        expect(to, command);
        for (std::size_t i = 0; i < masters_; ++i) expect(i, command);
    }

  private:
    void add(std::size_t i, const std::vector<std::string>& options) {
        std::vector<std::string> all{
            "--bind",
            "127.0.0.1",
            "--port",
            std::to_string(port(i)),
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            std::to_string(bus_port(i)),
            "--cluster-node-timeout",
            "2000",
            // Masters that are there serve their slots while another one is away.
            "--cluster-require-full-coverage",
            "no",
            // However long its master has been away, a replica stands for election.
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync-delay",
            "0",
        };
        all.insert(all.end(), options.begin(), options.end());
        redis_.push_back(std::make_unique<RedisServer>(std::move(all)));
        expect(i, "CLUSTER SET-CONFIG-EPOCH " + std::to_string(i + 1));
        if (i >= masters_) return;
        const std::size_t first = (i * kSlots + masters_ - 1) / masters_;
        const std::size_t end = ((i + 1) * kSlots + masters_ - 1) / masters_;
        expect(i, "CLUSTER ADDSLOTSRANGE " + std::to_string(first) + " " + std::to_string(end - 1));
    }
    [[nodiscard]] std::uint16_t bus_port(std::size_t i) const { return ports_.at(2 * i + 1); }
    void expect(std::size_t i, const std::string& command) const {
        const std::string answer = redis(i).ask(command);
        if (answer != "+OK\r\n") throw std::runtime_error(command + ": " + answer);
    }
    [[nodiscard]] std::string info(std::size_t i, const std::string& name) const {
        const std::string text = redis(i).ask("CLUSTER INFO");
        const std::size_t at = text.find(name + ":");
        if (at == std::string::npos) return {};
        const std::size_t begin = at + name.size() + 1;
        return text.substr(begin, text.find('\r', begin) - begin);
    }
    template <typename Predicate>
    void wait(Predicate&& is_true) const {
        for (std::size_t i = 0; i < size(); ++i) {
            if (!eventually([&] { return is_true(i); }, std::chrono::seconds(30))) {
                throw std::runtime_error("the Redis Cluster does not come up");
            }
        }
    }

    const std::size_t masters_;
    const std::vector<std::uint16_t> ports_;  ///< of clients and of the bus, in turn
    std::vector<std::unique_ptr<RedisServer>> redis_;
};

}  // namespace pulse::test
