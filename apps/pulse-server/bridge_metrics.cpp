// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bridge_metrics.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace pulse::server {

namespace {

using core::MetricFamily;
using core::MetricKind;
using core::MetricSample;

MetricFamily& family(std::vector<MetricFamily>& out, const char* name, MetricKind kind,
                     const char* help) {
    return out.emplace_back(MetricFamily{name, help, kind, {}});
}

void sample(MetricFamily& family, double value, core::MetricLabels labels = {}) {
    MetricSample made;
    made.labels = std::move(labels);
    made.value = value;
    family.samples.push_back(std::move(made));
}

template <typename Number>
void one(std::vector<MetricFamily>& out, const char* name, MetricKind kind, const char* help,
         Number value) {
    sample(family(out, name, kind, help), static_cast<double>(value));
}

void append_publishes(std::vector<MetricFamily>& out, const roblox::BridgeMetrics& figures) {
    MetricFamily& results = family(out, "pulse_roblox_publish_total", MetricKind::counter,
                                   "Messages to game servers by how they ended.");
    for (std::size_t i = 0; i < roblox::kOutcomes; ++i) {
        sample(results, static_cast<double>(figures.publishes[i]),
               {{"result", std::string(to_string(static_cast<roblox::Outcome>(i)))}});
    }
    MetricFamily& times = family(out, "pulse_roblox_publish_seconds", MetricKind::histogram,
                                 "Requests to Open Cloud by time to answer.");
    MetricSample time;
    constexpr auto& kBounds = roblox::BridgeMetrics::kPublishSeconds;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
        time.buckets.emplace_back(kBounds[i], figures.publish_seconds[i]);
    }
    time.count = figures.publish_seconds[kBounds.size()];
    time.buckets.emplace_back(std::numeric_limits<double>::infinity(), time.count);
    time.value = figures.publish_seconds_sum;
    times.samples.push_back(std::move(time));

    constexpr std::array<const char*, roblox::BridgeMetrics::kFrameTypes> kTypes{"v0", "B", "Z",
                                                                                 "C",  "G", "W"};
    MetricFamily& frames =
        family(out, "pulse_roblox_frames_total", MetricKind::counter, "Frames sent, by type.");
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
        sample(frames, static_cast<double>(figures.frames[i]), {{"type", kTypes[i]}});
    }
    const std::uint64_t batches = figures.frames[1] + figures.frames[2];
    one(out, "pulse_roblox_frame_fill_ratio", MetricKind::gauge,
        "How full frames of several messages were on average.",
        batches == 0 ? 0.0 : figures.frame_fill_sum / static_cast<double>(batches));
    MetricFamily& retries = family(out, "pulse_roblox_retries_total", MetricKind::counter,
                                   "Publishes tried again, by the status that caused it; 0 is no "
                                   "answer.");
    for (const auto& [status, count] : figures.retries) {
        sample(retries, static_cast<double>(count), {{"status", std::to_string(status)}});
    }
}

void append_messages(std::vector<MetricFamily>& out, const roblox::BridgeMetrics& figures) {
    MetricFamily& messages = family(out, "pulse_roblox_messages_total", MetricKind::counter,
                                    "Messages by where they came from and went to.");
    const auto add = [&](const char* direction, const char* destination, std::uint64_t count) {
        sample(messages, static_cast<double>(count),
               {{"direction", direction}, {"destination", destination}});
    };
    add("in", "server", figures.messages_in_web);
    add("in", "roblox", figures.messages_in_roblox);
    add("out", "published", figures.messages_out_published);
    add("out", "polled", figures.messages_out_polled);
    MetricFamily& drops = family(out, "pulse_roblox_dropped_total", MetricKind::counter,
                                 "Messages not passed on, by reason.");
    for (std::size_t i = 0; i < roblox::kDropReasons; ++i) {
        sample(drops, static_cast<double>(figures.drops[i]),
               {{"reason", std::string(to_string(static_cast<roblox::DropReason>(i)))}});
    }
    one(out, "pulse_roblox_coalesced_total", MetricKind::counter,
        "Messages replaced by a newer one with their key.", figures.coalesced);
    one(out, "pulse_roblox_uplink_batches_total", MetricKind::counter, "Batches from game servers.",
        figures.uplink_batches);
    one(out, "pulse_roblox_uplink_dups_total", MetricKind::counter,
        "Of them, those that had come before.", figures.uplink_duplicates);
    one(out, "pulse_roblox_frames_repaired_total", MetricKind::counter,
        "Frames given again to servers that missed them.", figures.frames_repaired);
    one(out, "pulse_roblox_frames_gone_total", MetricKind::counter,
        "Frames that servers missed and that were not kept any more.", figures.frames_gone);
}

}  // namespace

void append_bridge_metrics(std::vector<MetricFamily>& out, const roblox::BridgeMetrics& figures,
                           std::size_t web_clients) {
    append_publishes(out, figures);
    append_messages(out, figures);
    constexpr MetricKind kGauge = MetricKind::gauge;
    one(out, "pulse_roblox_queue_messages", kGauge, "Messages waiting to be published.",
        figures.queued_messages);
    one(out, "pulse_roblox_queue_bytes", kGauge, "Their bytes.", figures.queued_bytes);
    one(out, "pulse_roblox_queue_age_seconds", kGauge, "Age of the oldest of them.",
        figures.queue_age_seconds);
    one(out, "pulse_roblox_requests_open", kGauge, "Requests to Open Cloud without an answer yet.",
        figures.in_flight);
    one(out, "pulse_roblox_circuits_open", kGauge,
        "Universes that publish nothing because their key was refused.", figures.circuits_open);
    one(out, "pulse_roblox_rate_factor", kGauge,
        "Share of its pace that refusals have left to the universe that has least.",
        figures.rate_factor);
    MetricFamily& tokens =
        family(out, "pulse_roblox_tokens", kGauge,
               "What may be published at once where least is left, by what it is counted for.");
    if (figures.universe_tokens) sample(tokens, *figures.universe_tokens, {{"bucket", "universe"}});
    if (figures.owner_tokens) sample(tokens, *figures.owner_tokens, {{"bucket", "owner"}});
    one(out, "pulse_roblox_polls_open", kGauge, "Polls of game servers being held.",
        figures.polls_open);
    one(out, "pulse_roblox_game_servers", kGauge, "Game servers that are alive.",
        figures.game_servers);
    one(out, "pulse_roblox_web_clients", kGauge, "WebSockets and event streams of universes.",
        web_clients);
    one(out, "pulse_roblox_universes", kGauge, "Universes in the registry.", figures.universes);
}

void append_owner_metrics(std::vector<MetricFamily>& out, const roblox::UniverseOwnerStats& stats) {
    one(out, "pulse_roblox_universes_owned", MetricKind::gauge,
        "Universes that this server sends for.", stats.owned);
    one(out, "pulse_roblox_universes_gained_total", MetricKind::counter, "Times that it got one.",
        stats.gained_total);
    one(out, "pulse_roblox_universes_lost_total", MetricKind::counter,
        "Times that it lost one, and answered what waited with an error.", stats.lost_total);
}

void append_key_states(std::vector<MetricFamily>& out, const roblox::UniverseRegistry& registry) {
    std::map<roblox::KeyState, std::size_t> states;
    std::size_t unreadable = 0;
    for (const roblox::UniverseView& universe : registry.list()) {
        const roblox::KeyView* key = universe.active_key();
        if (key != nullptr && !key->is_readable) {
            ++unreadable;
        } else {
            ++states[key == nullptr ? roblox::KeyState::unknown : key->state];
        }
    }
    MetricFamily& keys = family(out, "pulse_roblox_key_state", MetricKind::gauge,
                                "Universes by the state of the key in use.");
    for (int i = 0; i <= static_cast<int>(roblox::KeyState::rejected); ++i) {
        const auto state = static_cast<roblox::KeyState>(i);
        sample(keys, static_cast<double>(states[state]),
               {{"state", std::string(to_string(state))}});
    }
    sample(keys, static_cast<double>(unreadable), {{"state", "unreadable"}});
}

}  // namespace pulse::server
