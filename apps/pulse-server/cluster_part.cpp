// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cluster_part.hpp"

#include "config/history_rules.hpp"

#include <thread>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#ifdef PULSE_WITH_CLUSTER
#include <pulse/cluster/broker.hpp>
#include <pulse/cluster/ownership.hpp>
#endif
#ifdef PULSE_WITH_NATS
#include <pulse/cluster/nats_broker.hpp>
#include <pulse/cluster/nats_ownership.hpp>
#endif
#ifdef PULSE_WITH_REDIS
#include <pulse/cluster/redis_broker.hpp>
#include <pulse/cluster/redis_ownership.hpp>
#include <pulse/redis/address.hpp>
#endif

namespace pulse::server {

#ifdef PULSE_WITH_CLUSTER

namespace {

using core::MetricFamily;
using core::MetricKind;
using core::MetricSample;

cluster::BrokerOptions broker_options(const Config& config) {
    const ClusterOptions& wanted = config.cluster;
    cluster::BrokerOptions options;
    options.prefix = wanted.prefix;
    options.history = history_policies(config.history);
    switch (wanted.while_down) {
        case ClusterWhileDown::refuse:
            options.while_down = cluster::WhileDown::refuse;
            break;
        case ClusterWhileDown::queue:
            options.while_down = cluster::WhileDown::queue;
            break;
        case ClusterWhileDown::local:
            options.while_down = cluster::WhileDown::local;
            break;
    }
    options.max_wait = wanted.max_wait;
    options.answer_timeout = wanted.answer_timeout;
    options.node_timeout = wanted.node_timeout;
    options.max_waiting = wanted.max_waiting;
    options.max_waiting_bytes = wanted.max_waiting_bytes;
    options.replicas = wanted.nats_replicas;
    return options;
}

using Made = tl::expected<std::shared_ptr<cluster::ClusterBroker>, std::string>;

/// Or why there is none.
Made make_broker(const Config& config, const cluster::BrokerServices& services) {
    const std::string& url = config.cluster.url;
    if (config.cluster.engine == ClusterEngine::nats) {
#ifdef PULSE_WITH_NATS
        std::string problem = cluster::find_nats_url_problem(url);
        if (!problem.empty()) return tl::unexpected("cluster.url: " + std::move(problem));
        return *cluster::make_nats_broker(url, broker_options(config), services);
#else
        return tl::unexpected("this build has no NATS; set cluster.engine to another");
#endif
    }
#ifdef PULSE_WITH_REDIS
    std::string problem = cluster::find_redis_url_problem(url);
    if (!problem.empty()) return tl::unexpected("cluster.url: " + std::move(problem));
    return *cluster::make_redis_broker(url, broker_options(config), services);
#else
    return tl::unexpected("this build has no Redis; set cluster.engine to another");
#endif
}

/// The Redis that knows who owns what: the broker's, or that of the store where the broker is NATS.
/// Empty when there is none.
std::string redis_of_owners(const Config& config) {
#ifdef PULSE_WITH_REDIS
    if (config.cluster.engine == ClusterEngine::redis) return config.cluster.url;
    if (config.store.engine == StoreEngine::redis) return config.store.url;
#else
    (void)config;
#endif
    return {};
}

using MadeOwnership = tl::expected<std::shared_ptr<cluster::ClusterOwnership>, std::string>;

MadeOwnership make_ownership(const Config& config, const std::string& node,
                             const cluster::OwnershipServices& services) {
    cluster::OwnershipOptions options;
    options.prefix = config.cluster.prefix;
    options.lease = config.cluster.lease;
    options.answer_timeout = config.cluster.answer_timeout;
    options.node = node;
    options.replicas = config.cluster.nats_replicas;
    const std::string redis = redis_of_owners(config);
    core::Result<std::shared_ptr<cluster::ClusterOwnership>> made = nullptr;
    if (!redis.empty()) {
#ifdef PULSE_WITH_REDIS
        made = cluster::make_redis_ownership(redis, std::move(options), services);
#endif
    } else if (config.cluster.engine == ClusterEngine::nats) {
#ifdef PULSE_WITH_NATS
        made = cluster::make_nats_ownership(config.cluster.url, std::move(options), services);
#endif
    }
    if (made) return std::move(*made);
    const bool is_the_stores = redis == config.store.url && redis != config.cluster.url;
    return tl::unexpected((is_the_stores ? "store.url: " : "cluster.url: ") +
                          made.error().message());
}

MetricFamily family(const char* name, const char* help, MetricKind kind, double value) {
    MetricSample sample;
    sample.value = value;
    return {name, help, kind, {std::move(sample)}};
}

void add_families(std::vector<MetricFamily>& out, const cluster::BrokerStats& stats) {
    const auto counter = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, MetricKind::counter, static_cast<double>(value)));
    };
    const auto gauge = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, MetricKind::gauge, static_cast<double>(value)));
    };
    gauge("pulse_cluster_up", "1 while the broker can be reached.", stats.is_up ? 1 : 0);
    counter("pulse_cluster_connects_total", "Times it was reached anew.", stats.connects_total);
    counter("pulse_cluster_published_total", "Publications that the broker confirmed.",
            stats.published_total);
    counter("pulse_cluster_failed_total",
            "Publications accepted, then not confirmed: the connection broke, or their time was "
            "over.",
            stats.failed_total);
    counter("pulse_cluster_refused_total", "Publications not accepted: down, or too many waited.",
            stats.refused_total);
    counter("pulse_cluster_commands_total", "Commands that carried publications to the broker.",
            stats.commands_total);
    counter("pulse_cluster_received_total", "Publications that came from the broker.",
            stats.received_total);
    counter("pulse_cluster_malformed_total", "Messages from the broker that no node has sent.",
            stats.malformed_total);
    counter("pulse_cluster_recovered_total", "Publications that were missed, and read later.",
            stats.recovered_total);
    counter("pulse_cluster_gaps_total", "Times that a channel's subscribers were told of a gap.",
            stats.gaps_total);
    counter("pulse_cluster_members_refused_total",
            "Members on other servers that this one has no memory for.",
            stats.members_refused_total);
    gauge("pulse_cluster_waiting", "Publications accepted and not confirmed.", stats.waiting);
    gauge("pulse_cluster_waiting_bytes", "Memory that they take.", stats.waiting_bytes);
    gauge("pulse_cluster_channels", "Channels that this node listens to.", stats.channels);
}

void add_families(std::vector<MetricFamily>& out, const cluster::OwnershipStats& stats) {
    const auto counter = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, MetricKind::counter, static_cast<double>(value)));
    };
    const auto gauge = [&out](const char* name, const char* help, std::uint64_t value) {
        out.push_back(family(name, help, MetricKind::gauge, static_cast<double>(value)));
    };
    gauge("pulse_cluster_claimed_keys", "Keys that this server would own.", stats.claimed);
    gauge("pulse_cluster_owned_keys", "Keys that it owns.", stats.owned);
    counter("pulse_cluster_keys_gained_total", "Times that it got a key.", stats.gained_total);
    counter("pulse_cluster_keys_given_total", "Times that it gave one back.", stats.given_total);
    counter("pulse_cluster_keys_lost_total", "Times that it lost one.", stats.lost_total);
    counter("pulse_cluster_lapses_total",
            "Times that it could not renew in time, and gave up all that it had.",
            stats.lapses_total);
}

}  // namespace

struct ClusterPart::Impl {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::shared_ptr<cluster::ClusterBroker> broker;
    std::shared_ptr<cluster::ClusterOwnership> ownership;
    std::string problem;
    std::thread thread;

    /// Called again by the timer that it keeps alive.
    void flush(const std::shared_ptr<asio::steady_timer>& timer,
               std::chrono::steady_clock::time_point deadline, const std::function<void()>& done) {
        constexpr std::chrono::milliseconds kPause{5};
        if (broker == nullptr || broker->stats().waiting == 0 ||
            std::chrono::steady_clock::now() >= deadline) {
            return done();
        }
        timer->expires_after(kPause);
        timer->async_wait([this, timer, deadline, done](const asio::error_code& error) {
            if (!error) flush(timer, deadline, done);
        });
    }
};

std::unique_ptr<ClusterPart> ClusterPart::make(const Config& config, const core::Clock& clock,
                                               core::Rng& rng, core::Log& log,
                                               core::MemoryBudget& budget) {
    if (config.cluster.engine == ClusterEngine::memory) return nullptr;
    auto impl = std::make_unique<Impl>();
    Made made = make_broker(config, {impl->io, rng, log, &clock, &budget});
    if (made) {
        impl->broker = std::move(*made);
        // Owners have the names of the mail: whoever knows an owner knows the way to it.
        MadeOwnership ownership =
            make_ownership(config, impl->broker->mail().node(), {impl->io, rng, log});
        if (ownership) {
            impl->ownership = std::move(*ownership);
        } else {
            impl->problem = std::move(ownership.error());
        }
    } else {
        impl->problem = std::move(made.error());
    }
    impl->thread = std::thread([io = &impl->io] { io->run(); });
    return std::unique_ptr<ClusterPart>(new ClusterPart(std::move(impl)));
}

ClusterPart::~ClusterPart() {
    // Its connections end on their thread, which then has nothing left to do.
    impl_->ownership.reset();
    impl_->broker.reset();
    impl_->work.reset();
    impl_->thread.join();
}

core::Broker* ClusterPart::broker() const noexcept { return impl_->broker.get(); }
core::PresenceStore* ClusterPart::presence() const noexcept {
    return impl_->broker ? impl_->broker->presence() : nullptr;
}

core::Ownership* ClusterPart::ownership() const noexcept { return impl_->ownership.get(); }
cluster::MailCarrier* ClusterPart::mail() const noexcept {
    return impl_->broker ? &impl_->broker->mail() : nullptr;
}
asio::io_context* ClusterPart::io() const noexcept { return &impl_->io; }

std::string ClusterPart::obstacle() const {
    std::string why = impl_->broker ? impl_->broker->obstacle() : std::string();
    if (why.empty() && impl_->ownership) why = impl_->ownership->obstacle();
    return why.empty() ? why : "degraded: " + why;
}

core::Metrics::Token ClusterPart::add_metrics(core::Metrics& metrics) const {
    return metrics.add_collector(
        [broker = impl_->broker, ownership = impl_->ownership](std::vector<MetricFamily>& out) {
            if (broker) add_families(out, broker->stats());
            if (ownership) add_families(out, ownership->stats());
        });
}

void ClusterPart::flush(std::chrono::steady_clock::time_point deadline,
                        std::function<void()> done) {
    asio::post(impl_->io, [impl = impl_.get(), deadline, done = std::move(done)] {
        impl->flush(std::make_shared<asio::steady_timer>(impl->io), deadline, done);
    });
}

#else

struct ClusterPart::Impl {
    std::string problem = "this build has neither Redis nor NATS; set cluster.engine = \"memory\"";
};

std::unique_ptr<ClusterPart> ClusterPart::make(const Config& config, const core::Clock&, core::Rng&,
                                               core::Log&, core::MemoryBudget&) {
    if (config.cluster.engine == ClusterEngine::memory) return nullptr;
    return std::unique_ptr<ClusterPart>(new ClusterPart(std::make_unique<Impl>()));
}
ClusterPart::~ClusterPart() = default;
core::Broker* ClusterPart::broker() const noexcept { return nullptr; }
core::PresenceStore* ClusterPart::presence() const noexcept { return nullptr; }
core::Ownership* ClusterPart::ownership() const noexcept { return nullptr; }
cluster::MailCarrier* ClusterPart::mail() const noexcept { return nullptr; }
asio::io_context* ClusterPart::io() const noexcept { return nullptr; }
std::string ClusterPart::obstacle() const { return {}; }
core::Metrics::Token ClusterPart::add_metrics(core::Metrics&) const { return {}; }
void ClusterPart::flush(std::chrono::steady_clock::time_point, std::function<void()> done) {
    done();
}

#endif

ClusterPart::ClusterPart(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

const std::string& ClusterPart::problem() const noexcept { return impl_->problem; }

core::HistoryPolicies history_policies(const HistoryOptions& options) {
    auto rules = std::make_shared<std::vector<HistoryRule>>();
    for (const std::string& text : options.keep) {
        // Checked when the configuration was read.
        if (auto rule = parse_history_rule(text)) rules->push_back(std::move(*rule));
    }
    if (rules->empty()) return {};
    return [rules](std::string_view channel) { return find_history_policy(*rules, channel); };
}

std::unique_ptr<core::HistoryStore> make_history(const Config& config, const core::Clock& clock,
                                                 core::Rng& rng) {
    if (config.history.keep.empty() || config.cluster.engine != ClusterEngine::memory) return {};
    core::MemoryHistoryOptions options;
    options.max_channels = config.history.max_channels;
    options.max_bytes = config.history.max_bytes;
    return core::make_memory_history_store(clock, rng, options);
}

}  // namespace pulse::server
