// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "redis/commands.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <asio/dispatch.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/mesa/bus.hpp>
#include <pulse/redis/master_finder.hpp>

namespace pulse::mesa {

/// Channels that whoever is alive is subscribed to, and their ids.
inline constexpr std::string_view kReplicaPrefix = "mesa_replica_";
inline constexpr std::string_view kPortalPrefix = "mesa_portal_";

[[nodiscard]] inline std::string replica_channel(std::string_view id) {
    return std::string(kReplicaPrefix) + std::string(id);
}

/// State belongs to the loop's thread; calls from others are dispatched there.
class RedisBus final : public Bus, public std::enable_shared_from_this<RedisBus> {
  public:
    RedisBus(asio::io_context& io, RedisOptions options, core::Rng& rng, core::Log& log);
    ~RedisBus() override;
    void start();

    [[nodiscard]] const std::string& name_space() const noexcept override {
        return options_.name_space;
    }
    [[nodiscard]] bool is_up() const noexcept override { return is_up_.load(); }
    [[nodiscard]] bool has_strangers() const noexcept override { return has_strangers_.load(); }
    [[nodiscard]] Subscription subscribe(std::vector<std::string> channels,
                                         Subscriber subscriber) override;
    void publish(std::string_view channel, std::string text, Done done) override;

    void open_replica(const std::string& replica) override;
    void count_connections(const std::string& replica, std::int64_t change) override;
    void add_client(const std::string& replica, const std::string& name, Added done) override;
    void remove_client(const std::string& replica, const std::string& name) override;
    void close_replica(const std::string& replica, Done done) override;

    void keep_for_offline(std::vector<std::string> names, std::string message,
                          Routed done) override;
    void begin_replay(const std::string& replica, const std::string& name, Taken done) override;
    void drop_sent(const std::string& name, std::vector<std::string> elements) override;
    void end_replay(const std::string& replica, const std::string& name) override;
    void discard_kept(const std::string& name) override;

    void join_pool(const std::string& id, Done done) override;
    void leave_pool(const std::string& id, Done done) override;
    void list_pool(std::function<void(core::Result<std::vector<std::string>>)> done) override;
    void check_pool() override;

  private:
    struct Listening {
        std::vector<std::string> channels;  ///< without the namespace
        Subscriber subscriber;
        bool is_up = false;
    };
    struct Replica {
        std::int64_t connections = 0;
        std::unordered_map<std::string, std::int64_t> names;
        std::set<std::string> replays;  ///< names that are being replayed to
        /// Redis has been told all of this, and is told what changes.
        bool is_registered = false;
        std::uint64_t registration = 0;  ///< the last one's number
    };

    template <typename Function>
    void run(Function function) {
        asio::dispatch(io_, [weak = weak_from_this(), function = std::move(function)]() mutable {
            if (const auto self = weak.lock()) function(*self);
        });
    }
    [[nodiscard]] std::string named(std::string_view name) const;
    [[nodiscard]] std::string replica_key(std::string_view replica) const;
    /// Sent now or, but for `is_for_now`, as soon as Redis can be reached.
    void eval(const char* script, const std::vector<std::string>& keys,
              const std::vector<std::string_view>& arguments, RedisAnswer answer,
              bool is_for_now = false);
    [[nodiscard]] std::error_code try_eval(const char* script, const std::vector<std::string>& keys,
                                           const std::vector<std::string_view>& arguments,
                                           RedisAnswer answer);
    void command(std::initializer_list<std::string_view> words, RedisAnswer answer) {
        commands_->send({words.begin(), words.size()}, std::move(answer));
    }
    void command_now(std::initializer_list<std::string_view> words, RedisAnswer answer) {
        commands_->send_now({words.begin(), words.size()}, std::move(answer));
    }

    [[nodiscard]] redis::LinkOptions find_destination(core::Rng& rng);
    void on_subscriber_up();
    void on_push(const redis::Reply& value);
    void on_down();
    void want_channels(const std::vector<std::string>& channels);
    void drop_unused_channels();
    [[nodiscard]] bool has_channel(const std::string& channel) const {
        return confirmed_.contains(named(channel));
    }
    void check_state();
    void forget_replay(const std::string& replica, const std::string& name);
    void register_replica(const std::string& id, Replica& replica);
    [[nodiscard]] std::error_code tell_all(const std::string& id, const Replica& replica);
    [[nodiscard]] std::error_code tell_names(const std::string& id,
                                             const std::vector<std::string>& flat,
                                             RedisAnswer answer);
    [[nodiscard]] RedisAnswer telling(const std::string& id, const Replica& replica);
    void tell_again(const std::string& id, std::uint64_t registration);
    [[nodiscard]] std::vector<std::string> keys_of_forget(std::string_view id) const;
    void look_for_dead_replicas();
    void look_for_strangers();

    asio::io_context& io_;
    const RedisOptions options_;
    const std::string suffix_;
    core::Log& log_;
    LinkReport subscriber_report_;
    std::shared_ptr<RedisCommands> commands_;
    std::unique_ptr<redis::Link> subscriber_;
    std::unique_ptr<redis::MasterFinder> finder_;  ///< null where the address is known
    asio::steady_timer check_timer_;
    asio::steady_timer again_timer_;
    std::vector<std::weak_ptr<Listening>> listening_;
    std::set<std::string, std::less<>> wanted_;     ///< channels, with the namespace
    std::set<std::string, std::less<>> confirmed_;  ///< of these, subscribed to
    std::map<std::string, Replica, std::less<>> replicas_;
    std::uint64_t last_registration_ = 0;
    std::atomic<bool> is_up_{false};
    std::atomic<bool> has_strangers_{false};
};

}  // namespace pulse::mesa
