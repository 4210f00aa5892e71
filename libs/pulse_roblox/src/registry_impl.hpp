// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Inside of UniverseRegistry. Two locks, taken in this order: `push_mutex_` so that what bridge and
// book are told comes in the order of what is in memory; `mutex_` for the tables. Nothing that may
// call back is called under either (BridgePort and AccessBook do not).
//
// A change goes: copy the record, edit the copy, commit it on condition that the stored document is
// still the one the copy was made of, put it into memory, tell bridge and book, answer.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <pulse/roblox/universe_registry.hpp>

namespace pulse::roblox {

class UniverseRegistry::Impl : public std::enable_shared_from_this<UniverseRegistry::Impl> {
  public:
    Impl(RegistryOptions options, const RegistryParts& parts)
        : options_(std::move(options)), parts_(parts) {}

    // registry_load.cpp
    void load(LoadDone done);

    // registry_changes.cpp
    void add(UniverseId id, UniverseSettings settings, const Secret& api_key, const KeyCheck& check,
             Done done);
    void set_key(UniverseId id, std::optional<unsigned> slot, const Secret& api_key,
                 const KeyCheck& check, const SettingsPatch& patch, Done done);
    void activate_key(UniverseId id, unsigned slot, Done done);
    void remove_key(UniverseId id, unsigned slot, Done done);
    void change(UniverseId id, const SettingsPatch& patch, Done done);
    void remove(UniverseId id, Done done);
    void create_token(TokenRecord wanted, TokenDone done);
    void remove_token(std::string_view id, Done done);

    // registry_sync.cpp
    void changed_elsewhere(std::string_view name);
    void resync();
    void refresh(UniverseId id);

    // universe_registry.cpp
    [[nodiscard]] bool contains(UniverseId id) const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::optional<UniverseView> find(UniverseId id) const;
    [[nodiscard]] std::vector<UniverseView> list(std::size_t max) const;

    // registry_upkeep.cpp
    void check_key(UniverseId id, std::string_view api_key,
                   std::function<void(const KeyCheck&)> done);
    void probe(UniverseId id, Done done);
    void tick();
    void key_reported(UniverseId id, const KeyReport& report);
    void key_used(UniverseId id, std::uint64_t serial);

  private:
    struct Waiter {
        core::MonotonicTime deadline;
        Done done;
    };
    struct Entry {
        UniverseRecord record;
        std::uint64_t version = 0;  ///< of its document
        bool is_damaged = false;
        std::array<bool, 2> is_readable{true, true};
        core::MonotonicTime next_probe{};
        std::optional<core::MonotonicTime> probing_since{};
        std::vector<Waiter> waiters{};
    };
    using Edit = std::function<std::error_code(UniverseRecord&)>;
    struct Loading;

    void load_page(const std::shared_ptr<Loading>& loading, core::DocumentRange range);
    void take_document(Loading& loading, const core::Document& document) const;
    void take_universe(Loading& loading, UniverseId id, const core::Document& document) const;
    void finish_load(Loading& loading);

    void tell(const std::string& key) const;
    void reread_heard();
    void reread_token(const std::string& id, std::function<void()> done);
    void start_resync(core::MonotonicTime now);
    void finish_resync(Loading& loading);
    void take_state(UniverseId id, std::string_view text);

    enum class Damaged : unsigned char { refused, replaced };
    void edit(UniverseId id, Damaged damaged, const Edit& edit, Done done);
    void apply(UniverseRecord record, std::uint64_t version, bool is_new);
    /// After a conflict or a doubtful commit: memory takes what the store has.
    void reread(UniverseId id, std::function<void()> done = {});
    [[nodiscard]] core::Result<KeySlot> seal(UniverseId id, std::string_view api_key,
                                             const KeyCheck& check) const;
    void remove_in_steps(UniverseId id, std::uint64_t version,
                         const std::shared_ptr<std::vector<AccessBook::Token>>& tokens, Done done);
    void erase(UniverseId id);
    /// Tells bridge and book how the universe is now.
    void push(UniverseId id);

    void check_readable(Entry& entry) const;
    void schedule(UniverseId id, Entry& entry, core::MonotonicTime at);  // mutex_ is held
    void unschedule(UniverseId id, Entry& entry);                        // mutex_ is held
    [[nodiscard]] core::MonotonicTime next_probe_after(core::MonotonicTime now) const;
    void start_probe(UniverseId id);
    void probe_spare(UniverseId id);
    void finish_probe(UniverseId id, core::Result<void> result);
    void expire_waiters(core::MonotonicTime now);
    void start_due_probes(core::MonotonicTime now);
    void write_states();
    void write_uses(core::MonotonicTime now);
    void forget_expired_tokens(core::MonotonicTime now);
    /// Of a universe that has all the tokens it may: the one that makes room; empty = none.
    [[nodiscard]] std::string token_to_replace(const std::vector<AccessBook::Token>& tokens) const;
    void write(core::DocumentBatch batch);
    [[nodiscard]] UniverseView view(const Entry& entry, std::uint64_t unix_ms) const;

    const RegistryOptions options_;
    const RegistryParts parts_;

    std::mutex push_mutex_;
    mutable std::mutex mutex_;
    std::map<UniverseId, Entry> entries_;
    std::size_t adding_ = 0;  ///< additions under way, so that the bound holds
    std::set<std::pair<core::MonotonicTime, UniverseId>> schedule_;
    std::set<UniverseId> probing_;
    std::set<UniverseId> changed_states_;
    core::MonotonicTime next_uses_{};
    core::MonotonicTime next_forgetting_{};
    std::atomic<std::size_t> writes_under_way_{0};

    std::mutex heard_mutex_;
    std::set<std::string, std::less<>> heard_;  ///< names that others changed
    std::size_t rereads_ = 0;                   ///< of these, under way
    bool is_loaded_ = false;
    bool is_rereading_ = false;
    bool wants_resync_ = false;
    bool is_resyncing_ = false;
    core::MonotonicTime next_resync_{};
};

/// What a pass has found so far.
struct UniverseRegistry::Impl::Loading {
    bool is_resync = false;
    /// Of a resync: what was known when it began.
    std::map<UniverseId, std::uint64_t> known_universes{};
    std::vector<std::string> known_tokens{};
    LoadReport report;
    LoadDone done;
    std::map<UniverseId, Entry> entries;
    std::map<UniverseId, std::string> states;
    std::vector<TokenRecord> tokens;
    std::map<std::string, std::uint64_t, std::less<>> uses;

    void end(core::Result<LoadReport> result) { done(result); }
};

/// What is known of keys that are in both: the newer of it.
void keep_facts(const KeySlots& known, KeySlots& keys);

}  // namespace pulse::roblox
