// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include <pulse/mesa/bus.hpp>
#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

std::string portal_channel(std::string_view id) { return "mesa_portal_" + std::string(id); }

namespace {

struct Listening {
    std::vector<std::string> channels;
    Bus::Subscriber subscriber;
};

/// Functions are called without the lock: they may call the bus again.
class MemoryBus final : public Bus, public std::enable_shared_from_this<MemoryBus> {
  public:
    explicit MemoryBus(MemoryBusOptions options) : options_(std::move(options)) {}

    [[nodiscard]] const std::string& name_space() const noexcept override {
        return options_.name_space;
    }
    [[nodiscard]] bool is_up() const noexcept override { return true; }
    [[nodiscard]] bool has_strangers() const noexcept override { return false; }

    Subscription subscribe(std::vector<std::string> channels, Subscriber subscriber) override {
        auto listening =
            std::make_shared<Listening>(Listening{std::move(channels), std::move(subscriber)});
        {
            const std::lock_guard lock(mutex_);
            listening_.push_back(listening);
        }
        if (listening->subscriber.on_state) listening->subscriber.on_state(true);
        return listening;
    }

    void publish(std::string_view channel, std::string text, Done done) override {
        std::vector<std::shared_ptr<Listening>> meant;
        {
            const std::lock_guard lock(mutex_);
            std::erase_if(listening_, [](const auto& each) { return each.expired(); });
            for (const auto& each : listening_) {
                auto held = each.lock();
                if (held == nullptr) continue;
                const auto& channels = held->channels;
                if (std::find(channels.begin(), channels.end(), channel) == channels.end())
                    continue;
                meant.push_back(std::move(held));
            }
        }
        for (const auto& each : meant) each->subscriber.on_message(channel, text);
        if (done) done({});
    }

    void open_replica(const std::string&) override {}
    void count_connections(const std::string&, std::int64_t) override {}

    void add_client(const std::string& replica, const std::string& name, Added done) override {
        bool is_elsewhere = false;
        {
            const std::lock_guard lock(mutex_);
            std::map<std::string, std::size_t>& replicas = online_[name];
            ++replicas[replica];
            is_elsewhere = replicas.size() > 1;
        }
        if (is_elsewhere) publish(kSharedChannel, name, {});
        done(is_elsewhere);
    }
    void remove_client(const std::string& replica, const std::string& name) override {
        const std::lock_guard lock(mutex_);
        const auto found = online_.find(name);
        if (found == online_.end()) return;
        const auto own = found->second.find(replica);
        if (own != found->second.end() && --own->second == 0) found->second.erase(own);
        if (found->second.empty()) online_.erase(found);
    }
    void close_replica(const std::string& replica, Done done) override {
        {
            const std::lock_guard lock(mutex_);
            for (auto each = online_.begin(); each != online_.end();) {
                each->second.erase(replica);
                each = each->second.empty() ? online_.erase(each) : std::next(each);
            }
            std::erase_if(replays_, [&](const auto& entry) { return entry.second == replica; });
        }
        done({});
    }

    void keep_for_offline(std::vector<std::string> names, std::string message,
                          Routed done) override {
        std::vector<OfflineName> offline;
        {
            const std::lock_guard lock(mutex_);
            for (std::size_t i = 0; i < names.size(); ++i) {
                if (online_.contains(names[i])) continue;
                offline.push_back({i, !message.empty() && !keep(names[i], message)});
            }
        }
        done(std::move(offline));
    }
    void begin_replay(const std::string& replica, const std::string& name, Taken done) override {
        std::optional<std::string> kept;
        {
            const std::lock_guard lock(mutex_);
            const auto found = kept_.find(name);
            if (found != kept_.end() && replays_.try_emplace(name, replica).second) {
                kept = "[";
                for (const std::string& element : found->second.elements) {
                    if (kept->size() > 1) *kept += ',';
                    *kept += element;
                }
                *kept += ']';
            }
        }
        done(std::move(kept));
    }
    void drop_sent(const std::string& name, std::vector<std::string> elements) override {
        const std::lock_guard lock(mutex_);
        const auto found = kept_.find(name);
        if (found == kept_.end()) return;
        auto& [kept, bytes] = found->second;
        for (const std::string& element : elements) {
            if (kept.empty() || kept.front() != element) break;
            bytes -= element.size() + 1;
            kept.pop_front();
        }
        if (kept.empty()) kept_.erase(found);
    }
    void end_replay(const std::string&, const std::string& name) override {
        const std::lock_guard lock(mutex_);
        replays_.erase(name);
    }
    void discard_kept(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        kept_.erase(name);
    }

    void join_pool(const std::string& id, Done done) override {
        {
            const std::lock_guard lock(mutex_);
            pool_.insert(id);
        }
        publish(kPoolChannel, write_announcement({id, true}), {});
        done({});
    }
    void leave_pool(const std::string& id, Done done) override {
        bool was_there = false;
        {
            const std::lock_guard lock(mutex_);
            was_there = pool_.erase(id) > 0;
        }
        if (was_there) publish(kPoolChannel, write_announcement({id, false}), {});
        done({});
    }
    void list_pool(std::function<void(core::Result<std::vector<std::string>>)> done) override {
        std::vector<std::string> ids;
        {
            const std::lock_guard lock(mutex_);
            ids.assign(pool_.begin(), pool_.end());
        }
        done(std::move(ids));
    }
    /// Nobody dies alone in one process.
    void check_pool() override {}

  private:
    struct Kept {
        std::deque<std::string> elements;
        std::size_t bytes = 0;  ///< of these, each with a comma
    };
    bool keep(const std::string& name, const std::string& message) {
        const auto found = kept_.find(name);
        const std::size_t before = found != kept_.end() ? found->second.bytes : 0;
        if (before + message.size() > options_.max_kept_bytes) return false;
        Kept& kept = kept_[name];
        kept.elements.push_back(message);
        kept.bytes += message.size() + 1;
        return true;
    }

    const MemoryBusOptions options_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Listening>> listening_;
    std::unordered_map<std::string, std::map<std::string, std::size_t>> online_;
    std::unordered_map<std::string, Kept> kept_;
    std::unordered_map<std::string, std::string> replays_;
    std::set<std::string> pool_;
};

}  // namespace

std::shared_ptr<Bus> make_memory_bus(MemoryBusOptions options) {
    return std::make_shared<MemoryBus>(std::move(options));
}

}  // namespace pulse::mesa
