// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <pulse/core/broker.hpp>

namespace pulse::core {

namespace {

/// The attached nodes, once per stripe of channels: a publication holds the lock of its stripe
/// alone while it is delivered, and whoever detaches has been through every lock, so that no
/// delivery to its node is still under way.
struct Nodes {
    struct alignas(64) Stripe {
        std::mutex mutex;
        std::vector<BrokerListener*> listeners;
    };
    std::array<Stripe, 16> stripes;

    void add(BrokerListener* listener) {
        for (Stripe& stripe : stripes) {
            const std::lock_guard lock(stripe.mutex);
            stripe.listeners.push_back(listener);
        }
    }
    void remove(BrokerListener* listener) {
        for (Stripe& stripe : stripes) {
            const std::lock_guard lock(stripe.mutex);
            // One entry: a listener that is attached twice has two attachments to end.
            const auto found =
                std::find(stripe.listeners.begin(), stripe.listeners.end(), listener);
            if (found != stripe.listeners.end()) stripe.listeners.erase(found);
        }
    }
};

class MemoryBroker final : public Broker, private HistoryReader {
  public:
    MemoryBroker(HistoryStore* history, HistoryPolicies policies)
        : history_(history), policies_(std::move(policies)) {}

    [[nodiscard]] Attachment attach(BrokerListener& listener) override {
        nodes_->add(&listener);
        return Attachment(&listener, [nodes = nodes_](void* attached) {
            nodes->remove(static_cast<BrokerListener*>(attached));
        });
    }

    [[nodiscard]] std::error_code publish(const PublicationView& publication) override {
        Nodes::Stripe& home = nodes_->stripes[std::hash<std::string_view>{}(publication.channel) %
                                              nodes_->stripes.size()];
        const HistoryPolicy policy =
            history_ != nullptr && policies_ ? policies_(publication.channel) : HistoryPolicy{};
        const std::lock_guard lock(home.mutex);
        if (policy.is_kept()) {
            const auto position = history_->append(publication, policy);
            if (!position) return position.error();
            PublicationView placed = publication;
            placed.position = *position;
            for (BrokerListener* listener : home.listeners) listener->on_publication(placed);
            return {};
        }
        // Nodes without interest get it too: asking first would cost them the same look-up, and a
        // node may keep history of channels that nobody listens to at the moment.
        for (BrokerListener* listener : home.listeners) listener->on_publication(publication);
        return {};
    }

    void interest_changed(std::string_view) override {}
    [[nodiscard]] bool is_healthy() const noexcept override { return true; }
    [[nodiscard]] HistoryReader* history() noexcept override {
        return history_ != nullptr ? this : nullptr;
    }

  private:
    void read(std::string_view channel, const StreamPosition* since, std::size_t limit,
              Done done) override {
        // Nothing is delivered later than it is appended: a publisher holds the lock for both.
        Nodes::Stripe& home =
            nodes_->stripes[std::hash<std::string_view>{}(channel) % nodes_->stripes.size()];
        Result<HistoryPage> page;
        {
            const std::lock_guard lock(home.mutex);
            page = history_->read(channel, since, limit);
        }
        done(std::move(page));
    }

    HistoryStore* const history_;
    const HistoryPolicies policies_;
    std::shared_ptr<Nodes> nodes_ = std::make_shared<Nodes>();
};

}  // namespace

std::shared_ptr<Broker> make_memory_broker(HistoryStore* history, HistoryPolicies policies) {
    return std::make_shared<MemoryBroker>(history, std::move(policies));
}

}  // namespace pulse::core
