// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The way publications travel between nodes. A hub without a broker is a node on its own.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <system_error>

#include <pulse/core/publication.hpp>

namespace pulse::core {

/// What a broker hands publications to and asks about interest: a hub. **Thread-safe.**
class BrokerListener {
  public:
    virtual ~BrokerListener() = default;
    /// Delivers to the subscribers of this node. Calls for one channel come in the channel's order.
    virtual void on_publication(const PublicationView& publication) noexcept = 0;
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

    /// Error::broker_unavailable when it cannot be handed over.
    [[nodiscard]] virtual std::error_code publish(const PublicationView& publication) = 0;

    /// A channel's interest on a node may have changed. The broker asks has_interest() when it acts
    /// on it: the call carries no direction, so that calls that overtake one another do no harm.
    virtual void interest_changed(std::string_view channel) = 0;

    /// For /readyz.
    [[nodiscard]] virtual bool is_healthy() const noexcept = 0;
};

/// Joins the hubs of one process: the reference engine, and a cluster in a test tube. Delivers
/// within publish(), under one lock per channel stripe.
[[nodiscard]] std::shared_ptr<Broker> make_memory_broker();

}  // namespace pulse::core
