// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The store as the configuration wants it.
#pragma once

#include "config/config.hpp"

#include <memory>

#include <pulse/core/clock.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/metrics.hpp>

namespace pulse::server {

/// Whether any part of the server keeps state. Each part that does says so here.
[[nodiscard]] bool needs_document_store(const Config& config);

/// Null when this build has no such engine. Waits for the first attempt to open the file; whether
/// that worked the store's status says, and it goes on trying.
[[nodiscard]] std::unique_ptr<core::DocumentStore> make_document_store(const StoreOptions& options,
                                                                       const core::Clock& clock,
                                                                       core::Log& log);

/// Adds the families pulse_store_… of docs/operations/metrics.md. The store outlives the token.
[[nodiscard]] core::Metrics::Token add_store_metrics(core::Metrics& metrics,
                                                     const core::DocumentStore& store);

}  // namespace pulse::server
