// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which key is whose, and what goes where because of that.
#pragma once

#include "relay/desk.hpp"
#include "relay/node_mail.hpp"
#include "relay/records.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <pulse/cluster/relay.hpp>

namespace pulse::cluster {

/// Requests have numbers of their own, beside those of sessions.
inline constexpr std::uint64_t kRequestBit = std::uint64_t{1} << 63;
[[nodiscard]] constexpr bool is_request(std::uint64_t number) noexcept {
    return (number & kRequestBit) != 0;
}
/// What a call is known by here, of what another node knows it by.
[[nodiscard]] constexpr std::uint64_t call_number(std::uint64_t asked_as) noexcept {
    return is_request(asked_as) ? asked_as : client_of(asked_as);
}

/// JSON that says why.
[[nodiscard]] core::HttpResponse refusal(int status, std::string_view why);

/// Counted on the loop, read by any.
struct RelayCounters {
    using Number = std::atomic<std::uint64_t>;
    Number keys{0};
    Number owned{0};
    Number relayed{0};
    Number hosted{0};
    Number relayed_total{0};
    Number hosted_total{0};
    Number requests{0};
    Number timeouts{0};
    Number ended{0};
    Number handovers{0};
};

/// **Loop-bound**, but for what says otherwise.
class Switchboard : public std::enable_shared_from_this<Switchboard> {
  public:
    Switchboard(const RelayOptions& options, const RelayServices& services);
    ~Switchboard();

    // Before anything is served.
    void add_desks(core::Hub& hub);
    void start();
    void add(const SpacePtr& space);
    void add_route(const std::string& id, core::HttpHandler handler);

    // From any thread.
    template <typename Function>
    void post(Function function) {
        asio::post(io_, [self = shared_from_this(), function = std::move(function)]() mutable {
            if (!self->is_closed_) function(*self);
        });
    }
    [[nodiscard]] const std::vector<std::shared_ptr<Desk>>& desks() const noexcept {
        return desks_;
    }
    [[nodiscard]] const RelayOptions& options() const noexcept { return options_; }
    [[nodiscard]] RelayStats stats() const;

    /// Nothing is called any more; keys are given back.
    void close();

    // What desks say.
    void send(const PeerPtr& peer, std::string records);
    void enter(SessionNumber session, OpenRecord open);
    void leave(SessionNumber session, const core::CloseEvent& event);
    /// A host's connection is over.
    void forget(const PeerPtr& peer, SessionNumber session);

    /// An HTTP request of this node's.
    using Responder = std::shared_ptr<core::HttpResponder>;
    void request(const std::string& space, std::string route, std::string key,
                 core::HttpRequest request, std::chrono::milliseconds patience,
                 Responder responder);

    void drop(const std::string& key);
    /// From any thread.
    [[nodiscard]] std::uint64_t term_of(std::string_view key) const;
    void drain();
    void give_back(std::function<void()> done);

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using HostKey = std::pair<PeerPtr, SessionNumber>;
    struct Key {
        std::string name;
        std::uint64_t id = 0;      ///< of this entry
        std::uint64_t serial = 0;  ///< of its claim
        SpacePtr space;
        core::Ownership::Claim claim;
        core::Owner owner;
        bool is_closing = false;  ///< RelayKeys::release() runs
        bool is_idle = false;
        bool is_listed = false;  ///< stands in idle_
        bool is_held = false;    ///< somebody works with it: it is not erased
        Time idle_since{};
        std::unordered_set<SessionNumber> gate;
        std::set<HostKey> host;
        std::unordered_set<std::uint64_t> requests;
        std::unordered_set<std::uint64_t> waiting;  ///< of gate and requests

        [[nodiscard]] bool is_ours() const noexcept { return owner.is_this_node && !is_closing; }
        [[nodiscard]] bool is_used() const noexcept {
            return !gate.empty() || !host.empty() || !requests.empty();
        }
    };
    /// A client of this node's, or a request.
    struct Call {
        enum class State : std::uint8_t { waiting, here, asked, there } state = State::waiting;
        Key* key = nullptr;
        PeerPtr peer;                    ///< asked, there
        std::uint64_t asked_as = 0;      ///< the number that it has with the peer
        std::uint64_t refused_term = 0;  ///< of the owner that did not want it
        Time due{};
        std::unique_ptr<OpenRecord> open;        ///< of a client, until it is let in
        std::unique_ptr<RequestRecord> request;  ///< of a request
        Responder responder;
    };
    struct Hosted {
        Key* key;
        std::size_t lane;
    };

    // switchboard_keys.cpp
    [[nodiscard]] Key* obtain(const std::string& name, const SpacePtr& space);
    void learn(const std::string& space_name, const std::string& name);
    void claim(Key& key);
    void on_owner(const std::string& name, std::uint64_t serial, const core::Owner& owner);
    void end_sessions(Key& key);
    void release(Key& key);
    void on_released(const std::string& name, std::uint64_t id);
    void settle(Key& key);
    /// Something of it has ended: perhaps nobody needs it any more.
    void note_use(Key& key);
    void list_idle(Key& key);
    void set_owner(Key& key, const core::Owner& owner);
    void erase(Key& key);
    void sweep();
    void wait();
    [[nodiscard]] std::size_t lane_of_key(std::string_view key) const noexcept;

    // switchboard.cpp
    void place(std::uint64_t number, Call& call);
    void ask(std::uint64_t number, Call& call);
    void put_back(std::uint64_t number, Call& call);
    void detach(std::uint64_t number, Call& call);
    void run_here(std::uint64_t number, Call& call);
    void give_up(std::uint64_t number, std::string_view why);
    void finish_request(std::uint64_t number, core::HttpResponse response);
    void erase_call(std::uint64_t number);
    void end_call(std::uint64_t number, Call& call, std::uint16_t code, std::string_view text);
    void say_end(const Call& call, const core::CloseEvent& event);
    void on_broken(const PeerPtr& peer, std::string_view why);

    // switchboard_receive.cpp
    [[nodiscard]] bool on_record(const PeerPtr& from, std::string_view record,
                                 const Receipt& receipt);
    [[nodiscard]] bool on_open(const PeerPtr& from, std::string_view body, const Receipt& receipt);
    [[nodiscard]] bool on_request(const PeerPtr& from, std::string_view body,
                                  const Receipt& receipt);
    [[nodiscard]] bool on_message(const PeerPtr& from, std::string_view body,
                                  const Receipt& receipt);
    [[nodiscard]] bool on_end(const PeerPtr& from, std::string_view body, const Receipt& receipt);
    [[nodiscard]] bool on_opened(const PeerPtr& from, std::string_view body);
    [[nodiscard]] bool on_refused(const PeerPtr& from, std::string_view body);
    [[nodiscard]] bool on_frames(const PeerPtr& from, std::string_view body,
                                 const Receipt& receipt);
    [[nodiscard]] bool on_closed(const PeerPtr& from, std::string_view body,
                                 const Receipt& receipt);
    [[nodiscard]] bool on_credit(const PeerPtr& from, std::string_view body);
    [[nodiscard]] bool on_answer(const PeerPtr& from, std::string_view body);
    /// Of a call that is with that peer under that number; null otherwise.
    [[nodiscard]] Call* call_of(const PeerPtr& peer, std::uint64_t asked_as);

    asio::io_context& io_;
    core::Ownership& ownership_;
    core::Log& log_;
    const RelayOptions options_;
    const std::shared_ptr<NodeMail> mail_;
    std::vector<std::shared_ptr<Desk>> desks_;

    mutable std::mutex mutex_;  ///< of these
    std::map<std::string, SpacePtr, std::less<>> spaces_;
    std::map<std::string, core::HttpHandler, std::less<>> routes_;
    std::map<std::string, std::uint64_t, std::less<>> terms_;  ///< of the keys that this node owns

    std::unordered_map<std::string, std::unique_ptr<Key>> keys_;
    std::unordered_map<std::uint64_t, Call> calls_;
    std::map<PeerPtr, std::unordered_set<std::uint64_t>> by_peer_;  ///< calls that are with it
    std::map<HostKey, Hosted> hosted_;
    std::map<std::string, std::size_t> hosted_by_node_;
    std::multimap<Time, std::uint64_t> dues_;     ///< of calls; perhaps over
    std::multimap<Time, std::uint64_t> retries_;  ///< likewise
    /// Keys, once each, by when they are looked at; perhaps they are used again, or gone.
    std::multimap<Time, std::pair<std::string, std::uint64_t>> idle_;
    std::size_t requests_ = 0;
    std::size_t request_bytes_ = 0;
    std::uint64_t last_serial_ = 0;
    std::uint64_t last_request_ = 0;
    asio::steady_timer timer_;
    bool is_draining_ = false;
    std::atomic<bool> is_closed_{false};
    RelayCounters counters_;
};

}  // namespace pulse::cluster
