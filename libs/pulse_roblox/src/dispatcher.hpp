// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One universe's way to its game servers: outbox, budget, retries and circuit put together, without
// sockets. Whoever owns it gives it time and answers and sends what it is handed.
//
// On one real topic one publish is under way at a time: a second would save a fraction of a second
// where the quota allows one or two a second, and could arrive first. A retry sends the same bytes
// with the same number, so that receivers that have the first drop the second.
#pragma once

#include "backoff.hpp"
#include "circuit.hpp"
#include "frame_ring.hpp"
#include "outbox.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include <pulse/core/rng.hpp>
#include <pulse/roblox/open_cloud.hpp>
#include <pulse/roblox/publish_budget.hpp>

namespace pulse::roblox {

struct DispatcherOptions {
    OutboxOptions outbox{};
    FrameRingOptions ring{};
    BackoffOptions backoff{};
};

/// **Loop-bound.** Callbacks may publish; they must not pump, answer or destroy the dispatcher:
/// answers come later, even those that are known at once.
class Dispatcher {
  public:
    using AttemptId = std::uint64_t;
    using Send = std::function<void(AttemptId, const OutgoingFrame&)>;
    /// How a message ended.
    struct Ending {
        Outcome outcome = Outcome::accepted;
        CloudError error{};  ///< Roblox's last answer, where there was one
        /// Not accepted as far as is known, but an attempt may have got through.
        bool may_have_arrived = false;
    };
    using Done = std::function<void(MessageId, const Ending&)>;

    Dispatcher(UniverseId universe, std::string key_owner, DispatcherOptions options,
               SequenceSource& sequence, PublishBudget& budget, core::Rng& rng, Send send,
               Done done, Outbox::KeepClaim keep_claim = {});

    /// Errors: those of Outbox::push(); Error::forbidden while the circuit is open.
    [[nodiscard]] core::Result<MessageId> publish(OutgoingMessage message, Forms forms,
                                                  core::MonotonicTime now);
    /// Sends what may be sent. Call it when next_due() has come, and after publish().
    void pump(core::MonotonicTime now);
    [[nodiscard]] std::optional<core::MonotonicTime> next_due() const;
    /// The answer to an attempt. Exactly one for each; later ones are ignored.
    void on_answer(AttemptId attempt, const CloudError& answer, core::MonotonicTime now);

    /// Another key, or a probe that found the old one good: publishing goes on.
    void on_key_good(std::string key_owner);
    [[nodiscard]] bool take_probe(core::MonotonicTime now) noexcept {
        return circuit_.take_probe(now);
    }
    [[nodiscard]] bool is_circuit_open() const noexcept { return circuit_.is_open(); }
    [[nodiscard]] std::optional<core::MonotonicTime> next_probe() const noexcept {
        return circuit_.next_probe();
    }
    /// Gives everything up: all that is open ends with `outcome`.
    void end(Outcome outcome, core::MonotonicTime now);

    [[nodiscard]] Outbox& outbox() noexcept { return outbox_; }
    [[nodiscard]] const Outbox& outbox() const noexcept { return outbox_; }
    [[nodiscard]] FrameRing& ring() noexcept { return ring_; }
    /// Seconds until a queue like the present one is through, for Retry-After; at least 1.
    [[nodiscard]] std::chrono::seconds drain_time() const noexcept;
    [[nodiscard]] std::uint64_t retry_count() const noexcept { return retries_; }
    /// How often an answer has led to another attempt that is to come.
    [[nodiscard]] std::uint64_t waiting_retry_count() const noexcept { return retries_planned_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return under_way_.size(); }
    /// What an attempt carries; null when it is over.
    [[nodiscard]] const OutgoingFrame* frame_of(AttemptId attempt) const;

  private:
    struct Attempt {
        AttemptId id = 0;
        OutgoingFrame frame;
        unsigned count = 0;
        bool is_under_way = false;
        bool may_have_arrived = false;
        core::MonotonicTime retry_at{};
    };
    struct Open {
        unsigned forms = 0;  // forms not accepted yet
        bool is_twofold = false;
        bool may_have_arrived = false;
    };

    [[nodiscard]] PublishRequest request_for(const std::string& real_topic,
                                             Target::Kind kind) const;
    void start(Attempt& attempt);
    void finish(const OutgoingFrame& frame);
    void fail(const Attempt& attempt, Outcome outcome, const CloudError& error);
    void report_dropped();
    /// That the frame may be at Roblox, and what it carries with it.
    void note_arrival(const Attempt& attempt);
    void close_message(MessageId id, Outcome outcome, const CloudError& error);
    void close_all(Outcome outcome, const CloudError& error, core::MonotonicTime now);

    UniverseId universe_;
    std::string key_owner_;
    DispatcherOptions options_;
    PublishBudget& budget_;
    core::Rng& rng_;
    Send send_;
    Done done_;
    Outbox outbox_;
    FrameRing ring_;
    Circuit circuit_;
    std::map<std::string, Attempt, std::less<>> attempts_;  // by real topic
    std::unordered_map<AttemptId, std::string> under_way_;
    std::unordered_map<MessageId, Open> open_;
    AttemptId last_attempt_ = 0;
    core::MonotonicTime pumped_at_{};
    core::MonotonicTime budget_asked_again_at_{};
    std::uint64_t retries_ = 0;
    std::uint64_t retries_planned_ = 0;
    double frames_per_second_ = 0;  // smoothed
    core::MonotonicTime last_accepted_{};
};

}  // namespace pulse::roblox
