// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The original's key-value namespace as somebody exported it: a directory with one file per record,
// named by its key, or one JSON object of keys and values in base64 (with or without padding, in
// either alphabet).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include <pulse/roblox/registry_tools.hpp>

namespace pulse::roblox_command {

/// A record is 49 bytes and the key in it; more than this is no record.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{64} * 1024;
inline constexpr std::size_t kMaxRecords = 100'000;
inline constexpr std::size_t kMaxExportBytes = std::size_t{64} * 1024 * 1024;

struct LegacyExport {
    std::vector<roblox::LegacyRecord> records;      ///< by name
    std::vector<roblox::RegistryProblem> problems;  ///< what is in it and is no record
};

/// Errors are sentences for an operator: nothing could be read.
[[nodiscard]] tl::expected<LegacyExport, std::string> read_legacy_export(const std::string& path);

/// The same from the text of a JSON file.
[[nodiscard]] tl::expected<LegacyExport, std::string> parse_legacy_export(std::string_view json);

/// Nothing when it is not base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace pulse::roblox_command
