// SPDX-License-Identifier: MIT OR Apache-2.0
#include "protocol.hpp"

#include "protocols/factories.hpp"

#include <charconv>

namespace pulse::load {

std::unique_ptr<Protocol> make_protocol(std::string_view name, const ProtocolOptions& options) {
    if (name == "pulse") return make_pulse_protocol(options);
    if (name == "roblox") return make_roblox_protocol(options);
    if (name == "bench") return make_bench_protocol(options);
    if (name == "nats") return make_nats_protocol(options);
    if (name == "redis") return make_redis_protocol(options);
    if (name == "mqtt") return make_mqtt_protocol(options);
    return nullptr;
}

std::string channel_name(const ProtocolOptions& options, std::uint32_t channel, char separator) {
    constexpr std::size_t kDigits = 6;
    std::string digits = std::to_string(channel);
    if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
    return options.channel_prefix + separator + digits;
}

std::optional<std::uint32_t> channel_number(std::string_view prefix, char separator,
                                            std::string_view name) {
    if (!name.starts_with(prefix) || name.size() <= prefix.size() + 1) return std::nullopt;
    if (name[prefix.size()] != separator) return std::nullopt;
    const char* const begin = name.data() + prefix.size() + 1;
    const char* const end = name.data() + name.size();
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

}  // namespace pulse::load
