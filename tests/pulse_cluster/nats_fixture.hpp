// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "cluster_fixture.hpp"
#include "support/nats_server.hpp"

#include <pulse/cluster/nats_broker.hpp>

namespace pulse::test {

class NatsNodes : public Nodes {
  public:
    NatsNodes() : Nodes(&cluster::make_nats_broker) {}
};

}  // namespace pulse::test
