// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nodes joined by NATS servers (2.9 or later, with JetStream), with history in their memory.
//
// On NATS, with P for the prefix and <channel> for a channel's name as one subject token:
//
//   P.p.live.<channel>           what is published to channels without history, into the
//                                stream P-live, which keeps the last message for seconds
//   P.p.<size>x<ttl>.<channel>   what is published to channels with history, into the stream
//                                P-<size>x<ttl>, one for each kind of history
//   P.c.<channel>                where nodes listen: the streams republish there, in their order
//   P.c.=n<node>, P.c.=a         words to one node, and to all
//
// Core NATS gives no order to several publishers of one subject, a stream does: that is what the
// live one is for. An offset is given by the publisher, who says which message it took for the
// channel's last; if that is not so (any more) the server refuses, and it looks again. A new epoch
// begins where there is no message of the channel: after a start of the server, and when a channel
// was quiet for more than twice its time to live.
#pragma once

#include <string>

#include <pulse/cluster/broker.hpp>
#include <pulse/core/result.hpp>

namespace pulse::cluster {

/// `url`: nats://[user:password@|token@]host[:port][,host[:port]…], or tls:// where the server's
/// certificate is to be checked against the system's authorities. Percent-encoded.
///
/// The client library (libnats) delivers with one thread, which a program that uses it for itself,
/// too, leaves at that: no nats_SetMessageDeliveryPoolSize(). Blocking calls are made on a thread
/// of the broker's own; `services.io` runs until it has nothing left to do.
/// Errors: core::Error::broker_unavailable, when find_nats_url_problem() finds one.
[[nodiscard]] core::Result<std::shared_ptr<ClusterBroker>> make_nats_broker(
    const std::string& url, BrokerOptions options, const BrokerServices& services);

/// Empty when make_nats_broker() would take it, else what is wrong.
[[nodiscard]] std::string find_nats_url_problem(const std::string& url);

}  // namespace pulse::cluster
