// SPDX-License-Identifier: MIT OR Apache-2.0
#include <array>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <pulse/core/error.hpp>
#include <pulse/core/presence.hpp>

namespace pulse::core {

namespace {

/// Members in order of joining, found by session.
struct Members {
    std::list<PresenceState> in_order;
    std::unordered_map<SessionId, std::list<PresenceState>::iterator> by_session;

    [[nodiscard]] PresenceState* find(const SessionId& session) noexcept {
        const auto found = by_session.find(session);
        return found == by_session.end() ? nullptr : &*found->second;
    }
    PresenceState remove(std::list<PresenceState>::iterator member) noexcept {
        PresenceState state = std::move(*member);
        by_session.erase(state.session);
        in_order.erase(member);
        return state;
    }
};

/// Channels are spread over a few locks. Within one they are an ordered tree: peers choose the
/// names, and a tree has no collisions to provoke.
class MemoryPresenceStore final : public PresenceStore {
  public:
    explicit MemoryPresenceStore(const Clock& clock) : clock_(clock) {}

    Result<Joined> join(std::string_view channel, const SessionId& session,
                        std::optional<PresenceData> data) override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        auto place = home.channels.find(channel);
        if (place == home.channels.end()) {
            place = home.channels.emplace(std::string(channel), Members{}).first;
        }
        Members& members = place->second;
        const std::uint64_t now = clock_.unix_ms();
        PresenceState state{session, std::move(data), now, now};
        const auto known = members.by_session.find(session);
        if (known != members.by_session.end()) {
            // It joined anew, so it stands last.
            *known->second = state;
            members.in_order.splice(members.in_order.end(), members.in_order, known->second);
            return Joined{std::move(state), false};
        }
        members.in_order.push_back(state);
        members.by_session.emplace(session, std::prev(members.in_order.end()));
        return Joined{std::move(state), true};
    }

    Result<PresenceState> update(std::string_view channel, const SessionId& session,
                                 std::optional<PresenceData> data) override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        PresenceState* state = home.find(channel, session);
        if (state == nullptr) return tl::unexpected(make_error_code(Error::not_a_member));
        state->data = std::move(data);
        state->last_seen_ms = clock_.unix_ms();
        return *state;
    }

    bool touch(std::string_view channel, const SessionId& session) override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        PresenceState* state = home.find(channel, session);
        if (state == nullptr) return false;
        state->last_seen_ms = clock_.unix_ms();
        return true;
    }

    std::optional<PresenceState> leave(std::string_view channel,
                                       const SessionId& session) override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        const auto place = home.channels.find(channel);
        if (place == home.channels.end()) return std::nullopt;
        Members& members = place->second;
        const auto known = members.by_session.find(session);
        if (known == members.by_session.end()) return std::nullopt;
        PresenceState state = members.remove(known->second);
        if (members.in_order.empty()) home.channels.erase(place);
        return state;
    }

    [[nodiscard]] std::optional<PresenceState> get(std::string_view channel,
                                                   const SessionId& session) const override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        const PresenceState* state = home.find(channel, session);
        return state == nullptr ? std::nullopt : std::optional(*state);
    }

    [[nodiscard]] std::vector<PresenceState> members(std::string_view channel) const override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        const auto place = home.channels.find(channel);
        if (place == home.channels.end()) return {};
        const auto& in_order = place->second.in_order;
        return {in_order.begin(), in_order.end()};
    }

    [[nodiscard]] std::size_t count(std::string_view channel) const override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        const auto place = home.channels.find(channel);
        return place == home.channels.end() ? 0 : place->second.in_order.size();
    }

    std::vector<Pruned> prune_stale(std::chrono::milliseconds idle) override {
        std::vector<Pruned> pruned;
        for (Stripe& part : stripes_) {
            const std::lock_guard lock(part.mutex);
            const std::uint64_t now = clock_.unix_ms();
            for (auto place = part.channels.begin(); place != part.channels.end();) {
                Members& members = place->second;
                for (auto member = members.in_order.begin(); member != members.in_order.end();) {
                    const auto current = member++;
                    if (!current->is_stale(now, idle)) continue;
                    pruned.push_back({place->first, members.remove(current)});
                }
                place = members.in_order.empty() ? part.channels.erase(place) : std::next(place);
            }
        }
        return pruned;
    }

    void forget(std::string_view channel) override {
        Stripe& home = stripe(channel);
        const std::lock_guard lock(home.mutex);
        const auto place = home.channels.find(channel);
        if (place != home.channels.end()) home.channels.erase(place);
    }

  private:
    struct alignas(64) Stripe {
        std::mutex mutex;
        std::map<std::string, Members, std::less<>> channels;  ///< none without members

        [[nodiscard]] PresenceState* find(std::string_view channel, const SessionId& session) {
            const auto place = channels.find(channel);
            return place == channels.end() ? nullptr : place->second.find(session);
        }
    };

    [[nodiscard]] Stripe& stripe(std::string_view channel) const noexcept {
        return stripes_[std::hash<std::string_view>{}(channel) % stripes_.size()];
    }

    const Clock& clock_;
    mutable std::array<Stripe, 16> stripes_;
};

}  // namespace

std::unique_ptr<PresenceStore> make_memory_presence_store(const Clock& clock) {
    return std::make_unique<MemoryPresenceStore>(clock);
}

}  // namespace pulse::core
