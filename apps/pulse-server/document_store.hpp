// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store as the configuration wants it.
#pragma once

#include "config/config.hpp"

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/rng.hpp>

namespace pulse::server {

/// Whether any part of the server keeps state. Each part that does says so here.
[[nodiscard]] bool needs_document_store(const Config& config);

/// Waits for the first attempt to open the file or to reach Redis; whether that worked the store's
/// status says, and it goes on trying. `rng` outlives the store. The error is for people: this
/// build has no such engine, or store.url is no address.
[[nodiscard]] tl::expected<std::unique_ptr<core::DocumentStore>, std::string> make_document_store(
    const StoreOptions& options, const core::Clock& clock, core::Rng& rng, core::Log& log);

/// Adds the families pulse_store_… of docs/operations/metrics.md. The store outlives the token.
[[nodiscard]] core::Metrics::Token add_store_metrics(core::Metrics& metrics,
                                                     const core::DocumentStore& store);

}  // namespace pulse::server
