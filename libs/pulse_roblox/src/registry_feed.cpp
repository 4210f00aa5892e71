// SPDX-License-Identifier: MIT OR Apache-2.0
#include <utility>

#include <pulse/roblox/registry_feed.hpp>

namespace pulse::roblox {

namespace {

/// '$' is reserved: clients cannot subscribe.
constexpr std::string_view kChannel = "$roblox.registry";
/// Said instead of more names than that.
constexpr std::string_view kEverything = "*";
constexpr std::size_t kMaxUnsaid = 1'024;

}  // namespace

/// Outlives the feed in what the broker calls when a publication has ended.
struct RegistryFeed::Unsaid {
    std::mutex mutex;
    std::set<std::string> names;
    UniverseRegistry* registry = nullptr;  ///< while it is spoken to

    void add(const std::string& name) {
        const std::lock_guard lock(mutex);
        if (names.size() >= kMaxUnsaid) names = {std::string(kEverything)};
        names.insert(name);
    }
};

RegistryFeed::RegistryFeed(core::Broker& broker, core::Rng& rng)
    : broker_(broker), node_(std::to_string(rng.next_u64())), unsaid_(std::make_shared<Unsaid>()) {}

RegistryFeed::~RegistryFeed() { stop(); }

void RegistryFeed::listen(UniverseRegistry& registry) {
    registry_ = &registry;
    {
        const std::lock_guard lock(unsaid_->mutex);
        unsaid_->registry = &registry;
    }
    attachment_ = broker_.attach(*this);
    broker_.interest_changed(kChannel);
    // What was changed before it is in force has not been heard.
    broker_.when_listening(kChannel, [unsaid = unsaid_] {
        const std::lock_guard lock(unsaid->mutex);
        if (unsaid->registry != nullptr) unsaid->registry->resync();
    });
}

void RegistryFeed::stop() {
    attachment_.reset();
    const std::lock_guard lock(unsaid_->mutex);
    unsaid_->registry = nullptr;
}

void RegistryFeed::tell(const std::string& name) { publish(name); }

void RegistryFeed::publish(const std::string& name) {
    const std::string text = node_ + ' ' + name;
    core::PublicationView publication{kChannel};
    publication.payload = protocol::as_bytes(text);
    broker_.publish_confirmed(publication, [unsaid = unsaid_, name](std::error_code error) {
        if (error) unsaid->add(name);
    });
}

void RegistryFeed::tick() {
    std::set<std::string> names;
    {
        const std::lock_guard lock(unsaid_->mutex);
        names.swap(unsaid_->names);
    }
    for (const std::string& name : names) publish(name);
}

void RegistryFeed::on_publication(const core::PublicationView& publication) noexcept {
    if (publication.channel != kChannel) return;
    const std::string_view text = protocol::as_text(publication.payload);
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos || text.substr(0, space) == node_) return;
    const std::string_view name = text.substr(space + 1);
    // Names of ours are shorter.
    constexpr std::size_t kMaxName = 64;
    if (name == kEverything) {
        registry_->resync();
    } else if (name.size() <= kMaxName) {
        registry_->changed_elsewhere(name);
    }
}

void RegistryFeed::on_gap(std::string_view channel, const core::StreamPosition&) noexcept {
    if (channel == kChannel) registry_->resync();
}

bool RegistryFeed::has_interest(std::string_view channel) const noexcept {
    return channel == kChannel;
}

}  // namespace pulse::roblox
