// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The configuration as text: what is in force (--print-config), and the reference made from the
// rows.
#pragma once

#include "config/loader.hpp"

#include <string>

namespace pulse::server {

/// The effective values as TOML, each with a comment that says where it came from. Secrets are
/// counted, never shown, and commented out: fed back in, the text gives the same configuration but
/// for them.
[[nodiscard]] std::string render_effective(const LoadResult& loaded);

/// packaging/pulse.toml: every key with its description, commented out, at its default.
[[nodiscard]] std::string render_reference_toml();

/// The tables of docs/operations/configuration.md: every key with type, default, range, environment
/// names and whether a reload applies it.
[[nodiscard]] std::string render_reference_tables();

}  // namespace pulse::server
