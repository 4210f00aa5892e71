// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "lease_store.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/cluster/ownership.hpp>
#include <pulse/redis/link.hpp>
#include <pulse/redis/master_finder.hpp>

namespace pulse::cluster {

/// Two connections: Redis lets a subscriber do nothing else.
class RedisLeaseStore final : public LeaseStore {
  public:
    RedisLeaseStore(const redis::Location& location, const OwnershipOptions& options,
                    const OwnershipServices& services);

    void start(LeaseEvents events) override;
    void close() override;
    void renew(const std::string& session, bool is_new,
               std::function<void(std::optional<LeaseRenewal>)> done) override;
    void claim(const std::string& session, const std::vector<LeaseItem>& items,
               std::function<void(std::optional<LeaseAnswer>)> done) override;
    void release(const std::string& session, const std::vector<LeaseItem>& items,
                 std::function<void(bool)> done) override;
    void sweep(std::function<void(std::optional<LeaseSweep>)> done) override;
    void end(const std::string& session) override;

  private:
    enum Script : std::size_t {
        renew_script,
        claim_script,
        release_script,
        sweep_script,
        script_count
    };

    void prepare();
    void on_role(const redis::Reply& role);
    void subscribe();
    [[nodiscard]] std::string channel() const;
    void on_commands_down(std::string_view why);
    void on_subscriber_down(std::string_view why);
    void on_push(const redis::Reply& push);
    void take_changes(std::string_view bytes);
    void tell_state(std::string_view why);
    /// `done` gets null also for an error, which is logged.
    void run_script(Script script, const std::string& session,
                    const std::vector<std::string_view>& own, redis::Answer done);

    core::Log& log_;
    const std::string sessions_;
    const std::string owners_;
    const std::string meta_;
    const std::string sets_;
    const std::string changes_;
    const std::string lease_;
    LeaseEvents events_;
    std::array<std::string, script_count> shas_;
    const bool is_one_of_many_;
    std::string run_;         ///< of the Redis at the other end
    std::string subscribed_;  ///< empty: to nothing
    std::uint64_t connection_ = 0;
    bool can_ask_ = false;
    bool can_hear_ = false;
    std::unique_ptr<redis::MasterFinder> finder_;  ///< null where the address is known
    std::unique_ptr<redis::Link> commands_;
    std::unique_ptr<redis::Link> subscriber_;
};

}  // namespace pulse::cluster
