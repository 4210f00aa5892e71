// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "protocol.hpp"

#include <memory>

namespace pulse::load {

[[nodiscard]] std::unique_ptr<Protocol> make_pulse_protocol(const ProtocolOptions& options);
[[nodiscard]] std::unique_ptr<Protocol> make_roblox_protocol(const ProtocolOptions& options);
[[nodiscard]] std::unique_ptr<Protocol> make_bench_protocol(const ProtocolOptions& options);
[[nodiscard]] std::unique_ptr<Protocol> make_nats_protocol(const ProtocolOptions& options);
[[nodiscard]] std::unique_ptr<Protocol> make_redis_protocol(const ProtocolOptions& options);
[[nodiscard]] std::unique_ptr<Protocol> make_mqtt_protocol(const ProtocolOptions& options);

}  // namespace pulse::load
