// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admin/event_hub.hpp"

#include "admin/answers.hpp"

#include <algorithm>
#include <set>

#include <pulse/roblox/bridge_json.hpp>

namespace pulse::roblox::admin {

namespace {

/// Ticks come about once a second, a little early or late.
constexpr std::chrono::milliseconds kSampleEvery{900};
constexpr std::chrono::milliseconds kTick{1'000};
constexpr std::chrono::seconds kCommentEvery{15};
constexpr std::size_t kManyUniverses = 200;
constexpr std::uint64_t kManyEvery = 5;

void append_event(std::string& out, std::string_view name, std::string_view data) {
    out += "event: ";
    out += name;
    out += "\ndata: ";
    out += data;  // JSON of ours: no line ends in it
    out += "\n\n";
}

/// To a page that has read what it got before.
void send(core::Connection& connection, std::string_view text) {
    if (text.empty() || connection.backlog_bytes() != 0) return;
    connection.send(protocol::as_bytes(text), core::MessageKind::text);
}

}  // namespace

/// One open page. **Loop-bound.**
class EventHub::Page final : public core::Conversation {
  public:
    Page(std::shared_ptr<EventHub> hub, core::Connection& connection, Caller caller,
         std::optional<UniverseId> universe)
        : hub_(std::move(hub)),
          connection_(connection),
          caller_(std::move(caller)),
          universe_(universe) {
        const std::lock_guard lock(hub_->mutex_);
        id_ = ++hub_->last_id_;
    }
    ~Page() override { hub_->leave(id_); }

    void on_open() override {
        if (!hub_->join(id_, {connection_.handle(), universe_})) {
            return connection_.close(1013, "too many pages");
        }
        const core::MonotonicTime now = hub_->parts_.clock.now();
        commented_at_ = now;
        hub_->sample_if_due(now);
        connection_.request_tick(kTick);
    }
    void on_message(core::ByteView, core::MessageKind) override {}
    void on_tick(core::MonotonicTime) override {
        // The hub's own time, because samples of all loops go by it.
        const core::MonotonicTime now = hub_->parts_.clock.now();
        if (!hub_->parts_.book.holds(caller_)) {
            std::string end;
            append_event(end, "end", "{}");
            send(connection_, end);
            return connection_.close(1000, "session is over");
        }
        hub_->sample_if_due(now);
        if (now - commented_at_ >= kCommentEvery) {
            commented_at_ = now;
            send(connection_, ":\n\n");
        }
        connection_.request_tick(kTick);
    }

  private:
    const std::shared_ptr<EventHub> hub_;
    core::Connection& connection_;
    const Caller caller_;
    const std::optional<UniverseId> universe_;
    std::uint64_t id_ = 0;
    core::MonotonicTime commented_at_{};
};

bool EventHub::has_room() const {
    const std::lock_guard lock(mutex_);
    return viewers_.size() < options_.max_event_pages;
}

std::unique_ptr<core::Conversation> EventHub::open(core::Connection& connection, Caller caller,
                                                   std::optional<UniverseId> universe) {
    return std::make_unique<Page>(shared_from_this(), connection, std::move(caller), universe);
}

bool EventHub::join(std::uint64_t id, Viewer viewer) {
    const std::lock_guard lock(mutex_);
    if (viewers_.size() >= options_.max_event_pages) return false;
    viewers_.emplace(id, std::move(viewer));
    sampled_at_.reset();  // it is shown something at once
    return true;
}

void EventHub::leave(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    viewers_.erase(id);
}

void EventHub::sample_if_due(core::MonotonicTime now) {
    {
        const std::lock_guard lock(mutex_);
        if (viewers_.empty() || (sampled_at_ && now - *sampled_at_ < kSampleEvery)) return;
        sampled_at_ = now;
    }
    take_sample();
}

void EventHub::take_sample() {
    auto sample = std::make_shared<Sample>();
    std::set<UniverseId> wanted;
    std::uint64_t serial = 0;
    {
        const std::lock_guard lock(mutex_);
        serial = samples_++;
        for (const auto& [id, viewer] : viewers_) {
            if (viewer.universe) wanted.insert(*viewer.universe);
        }
    }
    const std::string now = ",\"t\":" + std::to_string(parts_.clock.unix_ms());
    append_event(sample->common, "overview",
                 "{" + encode_members(parts_.overview(), false) + now + "}");

    std::vector<UniverseView> views;
    const bool is_turn = parts_.registry.size() <= kManyUniverses || serial % kManyEvery == 0;
    if (is_turn) views = parts_.registry.list(options_.max_event_universes);
    std::vector<UniverseId> ids;
    ids.reserve(views.size());
    for (const UniverseView& view : views) ids.push_back(view.id);
    const std::weak_ptr<EventHub> weak = weak_from_this();
    parts_.bridge.read_stats(
        ids, BridgePort::Detail::summary,
        [weak, sample, is_turn, views = std::move(views), wanted,
         now](const std::vector<std::optional<UniverseStats>>& stats) {
            const auto self = weak.lock();
            if (!self) return;
            if (is_turn) self->encode_universes(views, stats, *sample);
            if (wanted.empty()) return self->deliver(sample);
            std::vector<UniverseId> shown(wanted.begin(), wanted.end());
            self->parts_.bridge.read_stats(
                shown, BridgePort::Detail::full,
                [weak, sample, shown, now](const std::vector<std::optional<UniverseStats>>& full) {
                    const auto hub = weak.lock();
                    if (!hub) return;
                    for (std::size_t i = 0; i < shown.size() && i < full.size(); ++i) {
                        const auto view = hub->parts_.registry.find(shown[i]);
                        if (!view) continue;
                        std::string text =
                            encode(*view, full[i].value_or(UniverseStats{}),
                                   hub->parts_.web_clients(shown[i]), Figures::details);
                        text.insert(text.size() - 1, now);
                        append_event(sample->stats[shown[i]], "stats", text);
                    }
                    hub->deliver(sample);
                });
        });
}

void EventHub::encode_universes(const std::vector<UniverseView>& views,
                                const std::vector<std::optional<UniverseStats>>& stats,
                                Sample& sample) const {
    std::string text = "{\"universes\":[";
    for (std::size_t i = 0; i < views.size() && i < stats.size(); ++i) {
        if (i != 0) text += ',';
        text += encode(views[i], stats[i].value_or(UniverseStats{}),
                       parts_.web_clients(views[i].id), Figures::summary);
    }
    text += "]}";
    append_event(sample.common, "universes", text);
}

void EventHub::deliver(const std::shared_ptr<const Sample>& sample) {
    std::vector<Viewer> viewers;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, viewer] : viewers_) viewers.push_back(viewer);
    }
    for (const Viewer& viewer : viewers) {
        viewer.handle.post([sample, universe = viewer.universe](core::Connection& connection) {
            std::string text = sample->common;
            if (universe) {
                const auto stats = sample->stats.find(*universe);
                if (stats != sample->stats.end()) text += stats->second;
            }
            send(connection, text);
        });
    }
}

}  // namespace pulse::roblox::admin
