// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an operator does with a registry's documents from the command line: import, check, write
// anew under another master key. These wait for the store: not for a loop, and not for the store's
// own threads. A server that runs on the same store notices changes as conflicts and looks again;
// what is imported it sees when it starts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/document_store.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/key_record.hpp>
#include <pulse/roblox/universe_record.hpp>

namespace pulse::roblox {

/// One thing that is not as it should be. Names documents, never what is in a key.
struct RegistryProblem {
    std::string document;  ///< its key in the store
    std::string text;      ///< for people
};

struct RekeyReport {
    std::size_t rewritten = 0;                ///< keys, now under the first master key
    std::size_t current = 0;                  ///< keys that were already
    std::vector<RegistryProblem> problems{};  ///< left as they were
};
/// Writes every key that is not under the vault's first master key anew. Afterwards the other
/// master keys are not needed any more if there are no problems. May be repeated; stops in the
/// middle without harm. Errors: the store's.
[[nodiscard]] core::Result<RekeyReport> rekey(core::DocumentStore& store, const KeyVault& vault,
                                              core::Rng& rng, const RegistryKeys& keys = {});

struct CheckReport {
    std::size_t universes = 0;
    std::size_t keys = 0;      ///< that can be decrypted
    std::size_t outdated = 0;  ///< of them, under a master key that is not the first
    std::size_t tokens = 0;
    std::vector<RegistryProblem> problems{};
};
/// Reads everything and changes nothing. Errors: the store's.
[[nodiscard]] core::Result<CheckReport> check(core::DocumentStore& store, const KeyVault& vault,
                                              const RegistryKeys& keys = {});

/// A record of the original: its key in the original's storage, and its bytes.
struct LegacyRecord {
    std::string name;
    std::string bytes;
};
struct ImportReport {
    std::size_t imported = 0;
    std::size_t skipped = 0;  ///< client counters, and universes that are there already
    std::vector<RegistryProblem> problems{};  ///< by the record's name
};
/// Adds universes from the original's records in mode v0, which is how their game servers speak.
/// `password` is its ENCRYPTION_KEY. Universes that are there stay as they are. Errors: the
/// store's.
[[nodiscard]] core::Result<ImportReport> import_legacy(core::DocumentStore& store,
                                                       const KeyVault& vault, core::Rng& rng,
                                                       std::uint64_t unix_ms,
                                                       std::string_view password,
                                                       const std::vector<LegacyRecord>& records,
                                                       const RegistryKeys& keys = {});

}  // namespace pulse::roblox
