// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which universes there are: their settings, their Open Cloud keys (encrypted, two places each),
// what is known of those keys, and the tokens. Everything is in memory and in a DocumentStore; what
// a completion acknowledges has been committed there. Changes reach bridge and access book at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/bridge_port.hpp>
#include <pulse/roblox/key_record.hpp>
#include <pulse/roblox/universe_record.hpp>

namespace pulse::roblox {

struct RegistryOptions {
    // Behaviour
    RegistryKeys keys{};
    /// Keys are asked about by introspection this often (give or take a tenth, so that many do not
    /// come at once), and when they change; never because somebody looks at a page.
    std::chrono::milliseconds probe_interval = std::chrono::hours(6);
    std::chrono::milliseconds probe_wait{5'000};  ///< how long probe() waits for an answer
    /// Uses of tokens are written down this coarsely.
    std::chrono::milliseconds use_granularity = std::chrono::minutes(10);
    /// So long after it has expired a token is still listed; then it is forgotten. Where new tokens
    /// find no room, those that expired first make it at once.
    std::chrono::milliseconds expired_tokens_kept = std::chrono::hours(30 * 24);

    // Bounds
    std::size_t max_universes = 10'000;
    std::size_t max_tokens_per_universe = 1'000;
    std::size_t max_probes = 4;          ///< by schedule, at once
    std::size_t max_probe_waiters = 64;  ///< per universe
    std::size_t max_writes_per_tick = 32;

    // In a cluster
    /// Everything is read again this often, should word of a change have been lost; 0 = never.
    std::chrono::milliseconds resync_interval{0};
    std::size_t max_rereads = 32;   ///< documents that others changed, at once
    std::size_t max_heard = 1'024;  ///< that wait; beyond it everything is read again
};

/// All outlive the registry.
struct RegistryParts {
    core::DocumentStore& store;
    const KeyVault& vault;
    AccessBook& book;
    BridgePort& bridge;
    const core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    /// Told the name of what was changed here (`universe/<id>`, `token/<id>`), for the registries
    /// of other nodes on the same store: see changed_elsewhere(). Any thread; must not block.
    std::function<void(const std::string& name)> tell{};
    /// Whether this node asks about the universe's key by schedule; empty: about all.
    std::function<bool(UniverseId universe)> is_owned{};
};

/// What loading found.
struct LoadReport {
    std::size_t universes = 0;
    std::size_t tokens = 0;
    std::size_t damaged = 0;     ///< documents that cannot be read: universes and tokens
    std::size_t unreadable = 0;  ///< keys that no configured master key opens
    std::size_t ignored = 0;     ///< below our prefix and not ours, or beyond a bound
};

/// What introspection said of a key.
struct KeyCheck {
    KeyState state = KeyState::unknown;
    std::uint64_t checked_at_ms = 0;  ///< 0 = Open Cloud did not answer
    std::uint64_t owner = 0;
    std::uint64_t expires_at_ms = 0;
    int http = 0;
};

/// Settings to be changed; what is not there stays.
struct SettingsPatch {
    std::optional<std::string> name{};
    std::optional<Mode> mode{};
    std::optional<std::string> prefix{};
    std::optional<unsigned> shards{};
    std::optional<bool> has_silent_servers{};
    std::optional<std::vector<std::string>> origins{};

    [[nodiscard]] UniverseSettings apply(UniverseSettings settings) const;
};

/// A key as it may be shown. A value type.
struct KeyView {
    unsigned slot = 0;
    bool is_active = false;
    bool is_readable = true;  ///< no configured master key opens it, or it was tampered with
    std::string fingerprint{};
    KeyState state = KeyState::unknown;
    std::uint64_t checked_at_ms = 0;  ///< 0 = never
    std::uint64_t used_at_ms = 0;     ///< 0 = not yet
    std::uint64_t expires_at_ms = 0;  ///< 0 = never, or not known
    std::string warning{};            ///< for people; empty = none
};
struct UniverseView {
    UniverseId id;
    UniverseSettings settings{};
    std::uint64_t created_at_ms = 0;
    /// Its document cannot be read: settings are defaults; a new key makes it whole again.
    bool is_damaged = false;
    std::vector<KeyView> keys{};

    [[nodiscard]] const KeyView* active_key() const noexcept;
};

/// **Thread-safe.** Completions run on a thread of the store's or the bridge's, or before the call
/// returns; they must not block and may call the registry. Before it is destroyed the store is
/// closed and the bridge's loop has ended.
///
/// Errors of everything that changes something: what the store says; document_conflict when another
/// change of the same universe came first (nothing was done; look again).
class UniverseRegistry final : public BridgeObserver {
  public:
    using Done = std::function<void(core::Result<void>)>;
    using LoadDone = std::function<void(core::Result<LoadReport>)>;
    using TokenDone = std::function<void(core::Result<NewToken>)>;

    UniverseRegistry(RegistryOptions options, const RegistryParts& parts);
    ~UniverseRegistry() override;
    UniverseRegistry(const UniverseRegistry&) = delete;
    UniverseRegistry& operator=(const UniverseRegistry&) = delete;

    /// Once, before anything else. What is damaged is reported and does not stop the rest. Errors:
    /// the store's; core::Error::store_incompatible for the documents of a newer version.
    void load(LoadDone done);

    // Universes

    /// Asks Open Cloud about a key that is not stored; publishes nothing.
    void check_key(UniverseId universe, std::string_view api_key,
                   std::function<void(const KeyCheck&)> done);

    /// Errors: Error::universe_exists, Error::too_many_entries, Error::invalid_key.
    void add(UniverseId universe, UniverseSettings settings, Secret api_key, const KeyCheck& check,
             Done done);
    /// Puts a key into a slot (none: the active one), whatever is there. Errors:
    /// Error::unknown_universe, Error::invalid_key.
    void set_key(UniverseId universe, std::optional<unsigned> slot, Secret api_key,
                 const KeyCheck& check, const SettingsPatch& patch, Done done);
    /// Errors: Error::unknown_universe, Error::unknown_key.
    void activate_key(UniverseId universe, unsigned slot, Done done);
    /// Errors: those, Error::key_in_use.
    void remove_key(UniverseId universe, unsigned slot, Done done);
    /// Errors: Error::unknown_universe, Error::invalid_record (damaged).
    void change(UniverseId universe, const SettingsPatch& patch, Done done);
    /// With it go its tokens; those of several universes lose this one. Errors:
    /// Error::unknown_universe.
    void remove(UniverseId universe, Done done);

    [[nodiscard]] bool contains(UniverseId universe) const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::optional<UniverseView> find(UniverseId universe) const;
    /// By id, from `first` on.
    [[nodiscard]] std::vector<UniverseView> list(std::size_t max = SIZE_MAX) const;

    /// Asks about the universe's keys now; joins a probe that is under way. Errors:
    /// Error::unknown_universe, Error::too_many_entries, std::errc::timed_out,
    /// std::errc::host_unreachable when Open Cloud did not say.
    void probe(UniverseId universe, Done done);

    // Tokens

    /// Errors: Error::invalid_rights, Error::unknown_universe, Error::too_many_entries.
    void create_token(TokenRecord wanted, TokenDone done);
    /// What was let in with it ends. Errors: Error::unknown_token.
    void remove_token(std::string_view id, Done done);

    // Several registries on one store, one on each node of a cluster

    /// Another one has changed this: reads it anew, soon.
    void changed_elsewhere(std::string_view name);
    /// Word of some changes may have been lost: reads everything anew, soon.
    void resync();
    /// Reads what is stored of the universe, and then tells bridge and book how it is; also when
    /// nothing has changed, or the store does not answer. For a node that got the universe.
    void refresh(UniverseId universe);

    // Upkeep

    /// Probes by schedule, ends waits, writes down what is noted lazily. Call it about once a
    /// second, from any one thread.
    void tick();

    void key_reported(UniverseId universe, const KeyReport& report) override;
    void key_used(UniverseId universe, std::uint64_t key_version) override;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace pulse::roblox
