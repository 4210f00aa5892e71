// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The way publications travel between nodes. A hub without a broker is a node on its own.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <pulse/core/history.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/publication.hpp>

namespace pulse::core {

/// What a broker hands publications to and asks about interest: a hub. **Thread-safe.**
class BrokerListener {
  public:
    virtual ~BrokerListener() = default;
    /// Delivers to the subscribers of this node. Calls for one channel come in the channel's order.
    /// A publication with an epoch is kept by the broker already, at that position.
    virtual void on_publication(const PublicationView& publication) noexcept = 0;
    /// Several of one channel that came together: as if one by one, but subscribers may get them in
    /// fewer writes.
    virtual void on_publications(std::span<const PublicationView> publications) noexcept {
        for (const PublicationView& each : publications) on_publication(each);
    }
    /// Publications of the channel may not have reached this node, and will not. Nothing is missing
    /// after `position`; its epoch is 0 where the broker keeps no history.
    virtual void on_gap(std::string_view channel, const StreamPosition& position) noexcept {
        (void)channel;
        (void)position;
    }
    /// A member of another node came, changed or went; this node's PresenceStore knows already.
    virtual void on_presence(const PresenceEvent& event) noexcept { (void)event; }
    /// Whether anybody on this node listens to `channel` now.
    [[nodiscard]] virtual bool has_interest(std::string_view channel) const noexcept = 0;
};

/// **Thread-safe.** Every engine passes tests/contract/broker.
///
/// Order: publications of one caller to one channel arrive in call order; every node sees one order
/// per channel. Delivery: to each attached node with interest, the publisher's own included, at
/// most once; `publish` has returned success when the broker took responsibility for it.
class Broker {
  public:
    virtual ~Broker() = default;

    /// Attaches a node. The listener must outlive its attachment. At most one per token.
    using Attachment = std::shared_ptr<void>;
    [[nodiscard]] virtual Attachment attach(BrokerListener& listener) = 0;

    /// Error::broker_unavailable when it cannot be handed over; Error::broker_overloaded when too
    /// much waits to be, which passes.
    [[nodiscard]] virtual std::error_code publish(const PublicationView& publication) = 0;

    /// As publish(), and tells how it ended: without error once every node with interest is to get
    /// the publication even if this one dies now. After Error::broker_unavailable it may have been
    /// published or not. `done` is called once, on any thread, perhaps within the call; before this
    /// node hears its own publication, and in the order of calls for those that went well.
    using Published = std::function<void(std::error_code)>;
    virtual void publish_confirmed(const PublicationView& publication, Published done) {
        done(publish(publication));
    }

    /// A channel's interest on a node may have changed. The broker asks has_interest() when it acts
    /// on it: the call carries no direction, so that calls that overtake one another do no harm.
    virtual void interest_changed(std::string_view channel) = 0;

    /// Calls `done` once what is published from then on, anywhere, will reach this node, which has
    /// interest in the channel. Also when that cannot be for now, since the broker is down: the
    /// listener is told of the gap when it is back. On any thread, perhaps within the call.
    virtual void when_listening(std::string_view channel, std::function<void()> done) {
        (void)channel;
        done();
    }

    /// Reads what this broker keeps; null when it keeps nothing.
    [[nodiscard]] virtual HistoryReader* history() noexcept { return nullptr; }

    /// For /readyz.
    [[nodiscard]] virtual bool is_healthy() const noexcept = 0;
};

/// What a broker keeps of a channel; as HubOptions::history_policy.
using HistoryPolicies = std::function<HistoryPolicy(std::string_view channel)>;

/// Joins the hubs of one process: the reference engine, and a cluster in a test tube. Delivers
/// within publish(), under one lock per channel stripe. With a store, which outlives it, it keeps
/// what the policies say for all nodes together.
[[nodiscard]] std::shared_ptr<Broker> make_memory_broker(HistoryStore* history = nullptr,
                                                         HistoryPolicies policies = {});

}  // namespace pulse::core
