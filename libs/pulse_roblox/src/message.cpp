// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/roblox/bridge.hpp>

namespace pulse::roblox {

std::string_view to_string(Mode mode) noexcept {
    switch (mode) {
        case Mode::v0:
            return "v0";
        case Mode::v1:
            return "v1";
        case Mode::both:
            return "both";
        case Mode::automatic:
            break;
    }
    return "auto";
}

std::optional<Mode> parse_mode(std::string_view text) noexcept {
    for (const Mode mode : {Mode::v0, Mode::v1, Mode::both, Mode::automatic}) {
        if (text == to_string(mode)) return mode;
    }
    return {};
}

std::string_view to_string(Outcome outcome) noexcept {
    static constexpr std::array<std::string_view, kOutcomes> kNames{
        "accepted",         "replaced",  "expired",    "too_large",
        "rejected",         "throttled", "transport",  "key_rejected",
        "unknown_universe", "invalid",   "queue_full", "shutting_down"};
    return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view error_text(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::accepted:
        case Outcome::replaced:
            return {};
        case Outcome::expired:
            return "Message expired before it could be sent";
        case Outcome::too_large:
            return "Message is too large";
        case Outcome::rejected:
            return "Roblox refused the message";
        case Outcome::throttled:
            return "Roblox's limits are reached";
        case Outcome::transport:
            return "Roblox could not be reached";
        case Outcome::key_rejected:
            return "Open Cloud API Key was rejected";
        case Outcome::unknown_universe:
            return "Universe does not exist";
        case Outcome::invalid:
            return "Invalid topic or serverId";
        case Outcome::queue_full:
            return "Too many messages are waiting";
        case Outcome::shutting_down:
            return "Server is shutting down";
    }
    return {};
}

std::string_view to_string(DropReason reason) noexcept {
    static constexpr std::array<std::string_view, kDropReasons> kNames{
        "queue_full", "expired",      "too_large", "rejected",        "throttled",
        "transport",  "key_rejected", "invalid",   "universe_removed"};
    return kNames[static_cast<std::size_t>(reason)];
}

std::string_view to_string(ServerTransport transport) noexcept {
    static constexpr std::array<std::string_view, 4> kNames{"messaging", "poll", "hybrid",
                                                            "stream"};
    return kNames[static_cast<std::size_t>(transport)];
}

std::optional<ServerTransport> parse_server_transport(std::string_view text) noexcept {
    for (const auto transport : {ServerTransport::messaging, ServerTransport::poll,
                                 ServerTransport::hybrid, ServerTransport::stream}) {
        if (text == to_string(transport)) return transport;
    }
    return {};
}

}  // namespace pulse::roblox
