// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The steps of loading; each lays one source over what is there already.
#pragma once

#include "config/loader.hpp"
#include "config/schema.hpp"
#include "config/toml_document.hpp"

#include <span>
#include <string>
#include <utility>

namespace pulse::server {

void apply_toml(const TomlNode& root, const std::string& file, LoadResult& result);
void apply_environment(const Environment& environment, LoadResult& result);
void apply_flags(std::span<const FlagValue> flags, LoadResult& result);
/// Reads what the `…_file` keys of secrets name.
void apply_secret_files(const FileReader& read_file, LoadResult& result);

/// Stores a value and where it came from.
inline void store(const Key& key, const Value& value, Origin origin, LoadResult& result) {
    key.set(result.config, value);
    result.origins[schema().index_of(key)] = std::move(origin);
}

inline void report(LoadResult& result, Severity severity, Origin origin, std::string key,
                   std::string message) {
    result.diagnostics.push_back({severity, std::move(origin), std::move(key), std::move(message)});
}

}  // namespace pulse::server
