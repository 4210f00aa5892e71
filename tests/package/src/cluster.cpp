// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Links the cluster, and with it the connection to a Redis: a hub on a broker whose Redis is not
// there, which is no error, and is said.
#include <cstdio>
#include <system_error>

#include <asio/io_context.hpp>

#include <pulse/cluster/redis_broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/error.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/rng.hpp>

namespace cluster = pulse::cluster;
namespace core = pulse::core;

int main() {
    core::SystemClock clock;
    core::SystemRng rng;
    core::NullLog log;
    asio::io_context io{1};
    cluster::BrokerOptions options;
    options.while_down = cluster::WhileDown::refuse;
    auto broker =
        cluster::make_redis_broker("unix:///nowhere/redis.sock", options, {io, rng, log, &clock});
    if (!broker) return 1;
    std::error_code refusal;
    {
        core::HubServices services{clock, rng, log};
        services.presence = (*broker)->presence();
        services.broker = broker->get();
        core::Hub hub({}, services);
        const auto published = hub.publish(core::PublicationView{"news"});
        if (!published) refusal = published.error();
    }
    const bool is_said = !(*broker)->is_healthy() && !(*broker)->obstacle().empty();
    broker->reset();
    io.run();  // until its connections have ended
    if (!is_said || refusal != core::Error::broker_unavailable) return 1;
    std::puts("cluster works");
    return 0;
}
