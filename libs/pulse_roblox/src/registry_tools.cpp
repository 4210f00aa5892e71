// SPDX-License-Identifier: MIT OR Apache-2.0
#include <functional>
#include <future>
#include <memory>
#include <optional>

#include <pulse/core/error.hpp>
#include <pulse/roblox/access.hpp>
#include <pulse/roblox/error.hpp>
#include <pulse/roblox/registry_tools.hpp>

namespace pulse::roblox {

namespace {

/// Calls `start` with a completion and waits for it.
template <typename T>
[[nodiscard]] T wait_for(const std::function<void(std::function<void(T)>)>& start) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    start([promise](T value) { promise->set_value(std::move(value)); });
    return future.get();
}

[[nodiscard]] core::Result<core::CommitResult> commit(core::DocumentStore& store,
                                                      core::DocumentBatch batch) {
    return wait_for<core::Result<core::CommitResult>>(
        [&](auto done) { store.commit(std::move(batch), std::move(done)); });
}

/// Every document below `prefix`, one after another. Errors: the store's, or what `visit` returns.
[[nodiscard]] std::error_code for_each(
    core::DocumentStore& store, const std::string& prefix,
    const std::function<std::error_code(const core::Document&)>& visit) {
    core::DocumentRange range = core::DocumentRange::prefix(prefix);
    for (;;) {
        const auto page = wait_for<core::Result<core::DocumentPage>>(
            [&](auto done) { store.scan(range, std::move(done)); });
        if (!page) return page.error();
        for (const core::Document& document : page->documents) {
            if (const std::error_code error = visit(document)) return error;
        }
        if (!page->next) return {};
        range.begin = *page->next;
    }
}

/// The universe in a document, or why there is none, as a problem.
[[nodiscard]] std::optional<UniverseRecord> read_universe(const core::Document& document,
                                                          std::string_view folder,
                                                          std::vector<RegistryProblem>& problems) {
    const auto id = UniverseId::parse(std::string_view(document.key).substr(folder.size()));
    if (!id) {
        problems.push_back({document.key, "not named by a universe id"});
        return {};
    }
    auto record = decode_universe(*id, document.text());
    if (!record) {
        problems.push_back({document.key, "damaged: set the universe's key anew"});
        return {};
    }
    return std::move(*record);
}

[[nodiscard]] std::string describe(std::size_t slot, std::error_code error) {
    return "key " + std::to_string(slot) + ": " + error.message();
}

/// Seals what is not under the first master key. True when something changed.
[[nodiscard]] bool renew(UniverseRecord& record, const std::string& document, const KeyVault& vault,
                         core::Rng& rng, RekeyReport& report, std::size_t& renewed) {
    for (std::size_t i = 0; i < record.keys.slots.size(); ++i) {
        auto& slot = record.keys.slots[i];
        if (!slot) continue;
        const auto key = vault.open(record.id, slot->record);
        if (!key) {
            report.problems.push_back({document, describe(i, key.error())});
            continue;
        }
        if (vault.is_current(slot->record)) {
            ++report.current;
            continue;
        }
        auto sealed = vault.seal(record.id, key->view(), rng);
        if (!sealed) {
            report.problems.push_back({document, describe(i, sealed.error())});
            continue;
        }
        slot->record = std::move(*sealed);
        slot->fingerprint = vault.fingerprint(key->view());
        ++renewed;
    }
    return renewed != 0;
}

}  // namespace

core::Result<RekeyReport> rekey(core::DocumentStore& store, const KeyVault& vault, core::Rng& rng,
                                const RegistryKeys& keys) {
    RekeyReport report;
    const std::string folder = keys.prefix + "universe/";
    const std::error_code error =
        for_each(store, folder, [&](const core::Document& document) -> std::error_code {
            auto record = read_universe(document, folder, report.problems);
            std::size_t renewed = 0;
            if (!record || !renew(*record, document.key, vault, rng, report, renewed)) return {};
            core::DocumentBatch batch;
            batch.require_version(document.key, document.version)
                .put(document.key, encode_universe(*record));
            const auto result = commit(store, std::move(batch));
            if (result) {
                report.rewritten += renewed;
            } else if (result.error() == core::Error::document_conflict) {
                report.problems.push_back({document.key, "changed meanwhile: run it again"});
            } else {
                return result.error();
            }
            return {};
        });
    if (error) return tl::unexpected{error};
    return report;
}

core::Result<CheckReport> check(core::DocumentStore& store, const KeyVault& vault,
                                const RegistryKeys& keys) {
    CheckReport report;
    const std::string universes = keys.prefix + "universe/";
    const std::string tokens = keys.prefix + "token/";
    std::error_code error =
        for_each(store, universes, [&](const core::Document& document) -> std::error_code {
            const auto record = read_universe(document, universes, report.problems);
            if (!record) return {};
            ++report.universes;
            for (std::size_t i = 0; i < record->keys.slots.size(); ++i) {
                const auto& slot = record->keys.slots[i];
                if (!slot) continue;
                const auto key = vault.open(record->id, slot->record);
                if (!key) {
                    report.problems.push_back({document.key, describe(i, key.error())});
                    continue;
                }
                ++report.keys;
                if (!vault.is_current(slot->record)) ++report.outdated;
            }
            if (record->keys.active_slot() == nullptr) {
                report.problems.push_back({document.key, "has no key in use"});
            }
            return {};
        });
    if (!error) {
        error = for_each(store, tokens, [&](const core::Document& document) -> std::error_code {
            const auto record = decode_token_record(document.text());
            if (record && document.key == tokens + record->id) {
                ++report.tokens;
            } else {
                report.problems.push_back({document.key, "damaged: make a new token"});
            }
            return {};
        });
    }
    if (error) return tl::unexpected{error};
    return report;
}

core::Result<ImportReport> import_legacy(core::DocumentStore& store, const KeyVault& vault,
                                         core::Rng& rng, std::uint64_t unix_ms,
                                         std::string_view password,
                                         const std::vector<LegacyRecord>& records,
                                         const RegistryKeys& keys) {
    ImportReport report;
    for (const LegacyRecord& legacy : records) {
        if (legacy.name.ends_with(":clients")) {  // a counter that was never right
            ++report.skipped;
            continue;
        }
        const auto id = UniverseId::parse(legacy.name);
        if (!id) {
            report.problems.push_back({legacy.name, "not a universe id"});
            continue;
        }
        const auto key = open_legacy_record(password, legacy.bytes);
        if (!key) {
            report.problems.push_back({legacy.name, key.error().message()});
            continue;
        }
        auto sealed = vault.seal(*id, key->view(), rng);
        if (!sealed) {
            report.problems.push_back({legacy.name, sealed.error().message()});
            continue;
        }
        UniverseRecord record{.id = *id, .created_at_ms = unix_ms};
        record.settings.mode = Mode::v0;
        record.keys.version = unix_ms;
        record.keys.put(
            0, {.record = std::move(*sealed), .fingerprint = vault.fingerprint(key->view())});
        const std::string document = keys.universe(*id);
        core::DocumentBatch batch;
        batch.require_absent(document).put(document, encode_universe(record));
        const auto result = commit(store, std::move(batch));
        if (result) {
            ++report.imported;
        } else if (result.error() == core::Error::document_conflict) {
            ++report.skipped;
        } else {
            return tl::unexpected{result.error()};
        }
    }
    return report;
}

}  // namespace pulse::roblox
