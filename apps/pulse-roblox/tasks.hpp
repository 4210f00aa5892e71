// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What each subcommand does once store and keys are there, and what it says of it.
#pragma once

#include "pulse-roblox/exit_code.hpp"
#include "pulse-roblox/legacy_records.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <pulse/core/document_store.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/key_record.hpp>

namespace pulse::roblox_command {

[[nodiscard]] Outcome run_check(core::DocumentStore& store, const roblox::KeyVault& vault);

[[nodiscard]] Outcome run_rekey(core::DocumentStore& store, const roblox::KeyVault& vault,
                                core::Rng& rng);

/// `password` is the original's ENCRYPTION_KEY.
[[nodiscard]] Outcome run_import(core::DocumentStore& store, const roblox::KeyVault& vault,
                                 core::Rng& rng, std::uint64_t unix_ms, std::string_view password,
                                 const LegacyExport& from);

/// `name:key`. Without a name: k1, or the next number behind those in `master_keys`.
[[nodiscard]] Outcome new_master_key(std::string name, std::string_view master_keys,
                                     core::Rng& rng);

}  // namespace pulse::roblox_command
