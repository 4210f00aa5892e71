// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owners that change, nodes that do not know them, losses and full ways, in any order: a client is
// greeted once and gets all its answers in their order, or is closed; and nothing stays.
#include "echo_cluster.hpp"

using namespace pulse;
using namespace pulse::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kNodes[] = {"a", "b", "c"};
constexpr const char* kKeys[] = {"k", "l"};

struct Client {
    std::unique_ptr<RoomPeer> peer;
    std::size_t node;
    std::string key;
    std::size_t sent = 0;
    std::size_t answered = 0;
    bool is_greeted = false;

    [[nodiscard]] bool is_content() const {
        return is_greeted && answered == sent && !peer->is_paused;
    }
    void say(std::size_t more) {
        if (!is_greeted || peer->is_paused || peer->close_code) return;
        peer->say(std::to_string(sent++) + "-" + std::string(more, 'x'));
    }
    /// Why what came should not have come; empty when it should.
    [[nodiscard]] std::string listen() {
        for (const std::string& got : peer->take()) {
            if (got == "closing") continue;
            if (!is_greeted) {
                is_greeted = true;
                if (got.find(" /websocket?key=" + key + " ") != 1) return "greeted by " + got;
            } else if (!got.starts_with("text " + std::to_string(answered++) + "-")) {
                return "got " + got.substr(0, 60);
            }
        }
        return {};
    }
};

class Chaos {
  public:
    explicit Chaos(std::uint64_t seed) : rng_(seed), c_(narrow(), 3) {}

    void step() {
        constexpr std::size_t kClients = 12;
        const std::string node = kNodes[below(3)];
        const std::string key = kKeys[below(2)];
        switch (below(16)) {
            case 0:
            case 1:
                if (clients_.size() < kClients) connect(below(3), key);
                break;
            case 2:
                if (!clients_.empty() && below(3) == 0) remove(below(clients_.size()));
                break;
            case 3:
                if (below(4) == 0 && has_client(node, key)) c_.owners->move(key, node);
                break;
            case 4:
                if (below(4) == 0 && c_.owners->owner_of(key) != node) hide(key, node);
                break;
            case 5:
                if (below(8) == 0) c_.net.lose(node, 1);
                break;
            case 6:
                if (below(4) == 0) c_.net.hold(node);
                break;
            case 7:
                let_go();
                break;
            case 8:
                if (below(8) == 0) c_.nodes[below(3)].relay->drop(key);
                break;
            default:
                if (!clients_.empty()) clients_[below(clients_.size())].say(below(3'000));
        }
        c_.turn();
        listen();
        std::erase_if(clients_, [](const Client& each) { return each.peer->close_code; });
    }
    void end() {
        let_go();
        for (const char* const node : kNodes) c_.net.lose(node, 0);
        const auto is_done = [](const Client& each) {
            return each.peer->close_code || each.is_content();
        };
        CHECK(c_.becomes([&] {
            listen();
            return std::all_of(clients_.begin(), clients_.end(), is_done);
        }));
        clients_.clear();
        CHECK(c_.becomes([&] {
            return std::all_of(c_.nodes.begin(), c_.nodes.end(), [](const EchoNode& node) {
                const cluster::RelayStats stats = node.relay->stats();
                return stats.hosted == 0 && stats.relayed == 0 && stats.keys == 0 &&
                       stats.owned == 0;
            });
        }));
        for (const EchoNode& node : c_.nodes) CHECK(node.relay->stats().malformed_total == 0);
    }

  private:
    static cluster::RelayOptions narrow() {
        auto options = quick_options();
        options.window_bytes = 20'000;
        options.session_window_bytes = 5'000;
        return options;
    }
    std::size_t below(std::size_t n) { return rng_.next_u64() % n; }
    void connect(std::size_t node, const std::string& key) {
        clients_.push_back({c_.connect(node, "key=" + key, below(2)), node, key});
    }
    void remove(std::size_t i) {
        clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    /// Then the node is a candidate.
    bool has_client(const std::string& node, const std::string& key) {
        return std::any_of(clients_.begin(), clients_.end(), [&](const Client& each) {
            return kNodes[each.node] == node && each.key == key;
        });
    }
    void hide(const std::string& key, const std::string& node) {
        c_.owners->hide(key, node);
        if (below(2) == 0) c_.turn();
        c_.owners->show(key, node);
    }
    void let_go() {
        for (const char* const node : kNodes) c_.net.let_go(node);
    }
    void listen() {
        for (Client& each : clients_) {
            const std::string problem = each.listen();
            if (!problem.empty()) FAIL_CHECK(problem);
        }
    }

    core::SeededRng rng_;
    EchoCluster c_;
    std::deque<Client> clients_;
};

}  // namespace

TEST_CASE("whatever happens between nodes, a client misses nothing unless it is closed",
          "[cluster][relay]") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        INFO("seed " << seed);
        Chaos chaos(seed);
        for (int i = 0; i < 1'000; ++i) chaos.step();
        chaos.end();
    }
}
