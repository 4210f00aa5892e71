// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Open Cloud and MessagingService as one model: requests in, answers out, messages to game servers.
// No sockets, no threads, no time but its clock's.
#pragma once

#include "answers.hpp"
#include "http.hpp"
#include "keys.hpp"
#include "limits.hpp"
#include "network.hpp"
#include "records.hpp"
#include "time.hpp"
#include "universe.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>

namespace pulse::mock {

/// An answer, and how it goes out.
struct Reply {
    enum class Manner : std::uint8_t { whole, truncated, reset };
    HttpResponse response;
    Manner manner = Manner::whole;
    Span delay{};  ///< on the mock's clock
};

/// What an engine call came to.
struct EngineResult {
    int status = 200;
    std::string error{};  ///< empty when it worked
};

/// **Not thread-safe**: MockOpenCloud guards it.
class Cloud {
  public:
    static constexpr std::size_t kMaxUniverses = 4'096;

    /// The clock outlives it.
    explicit Cloud(const core::Clock& clock);

    /// Forgets everything but the hook.
    void reset();
    [[nodiscard]] Time now() const;

    // Open Cloud
    [[nodiscard]] Reply handle(const HttpRequest& request, std::string_view address);

    // What the engine offers to a game server
    EngineResult engine_publish(UniverseId universe, std::string_view job, std::string_view topic,
                                std::string_view message);
    EngineResult engine_subscribe(UniverseId universe, std::string_view job,
                                  std::string_view topic);
    EngineResult engine_unsubscribe(UniverseId universe, std::string_view job,
                                    std::string_view topic);

    // Control
    [[nodiscard]] bool put_key(std::string key, ApiKey record);
    [[nodiscard]] KeyRing& keys() noexcept { return keys_; }
    Limits limits;
    /// Made if need be; null when there are too many.
    Universe* universe(UniverseId id);
    [[nodiscard]] Universe* find_universe(UniverseId id);
    /// Simulated servers. False when there would be too many, or more topics than a server may
    /// subscribe to.
    [[nodiscard]] bool simulate(UniverseId id, const Simulated& wanted);
    GameServer* attach(UniverseId id, std::string_view job, std::uint32_t players);
    /// Replaces the script of a universe, or that of all which have none. An item it cannot read is
    /// returned, and nothing changes.
    std::optional<std::string> set_faults(const std::vector<std::string>& script,
                                          std::optional<UniverseId> universe = std::nullopt);
    [[nodiscard]] Network& network() noexcept { return network_; }

    // Time
    [[nodiscard]] std::optional<Time> next_due() const { return network_.next_due(); }
    /// Delivers what is due.
    void run_due();

    [[nodiscard]] const Records& records() const noexcept { return records_; }
    /// Called for each delivery, in order of time; must not call back into this object.
    std::function<void(const Delivery&)> on_delivery;

  private:
    struct Publish;  // one request on its way through the checks
    using Refusal = std::optional<Reply>;

    Reply publish(const HttpRequest& request, std::string_view address, Publish& publish);
    Reply introspect(const HttpRequest& request);
    Refusal check_key(const HttpRequest& request, Publish& publish);
    Refusal check_request_rate(std::string_view address, Publish& publish);
    Refusal check_permission(Publish& publish);
    Refusal check_content(const HttpRequest& request, const Publish& publish);
    Refusal read_body(const HttpRequest& request, Publish& publish);
    Refusal check_sizes(Source source, const Publish& publish);
    Refusal check_received(Source source, const Publish& publish);
    Reply refuse(const Publish& publish, int status, std::string_view message,
                 std::string_view code = {}) const;
    Reply exhausted(const Publish& publish, Time fits_at) const;
    Reply faulty(const Publish& publish, const Fault& fault) const;
    void add_rate_headers(const Publish& publish, HttpResponse& response);

    struct Received {
        std::uint64_t cost = 0;
        SlidingWindow* topic = nullptr;
        std::uint64_t topic_limit = 0;
        std::uint64_t universe_limit = 0;
    };
    std::optional<Received> received(const Publish& publish);
    void deliver(Source source, const Publish& publish);
    Fault next_fault(Universe& universe);
    /// Counts it; true when it shall be refused.
    bool violated(Source source, Limit limit, UniverseId universe, std::string_view subject,
                  std::uint64_t used, std::uint64_t allowed);
    void arrive(const Flight& flight);

    const core::Clock& clock_;
    Time anchor_;
    core::MonotonicTime anchor_monotonic_;
    KeyRing keys_;
    std::map<UniverseId, Universe> universes_;
    std::uint64_t next_server_ = 1;
    std::uint64_t next_message_ = 1;
    std::map<std::uint64_t, SlidingWindow> owners_;
    std::map<std::string, SlidingWindow, std::less<>> addresses_;
    FaultScript faults_;
    Network network_;
    Records records_;
};

/// Canonical decimal, at most 2^63-1.
[[nodiscard]] std::optional<UniverseId> parse_universe(std::string_view text) noexcept;

}  // namespace pulse::mock
