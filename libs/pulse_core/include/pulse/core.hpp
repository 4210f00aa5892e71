// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything of pulse::core, for programs that prefer one include.
#pragma once

#include <pulse/core/authenticator.hpp>
#include <pulse/core/broker.hpp>
#include <pulse/core/clock.hpp>
#include <pulse/core/connection.hpp>
#include <pulse/core/dialect.hpp>
#include <pulse/core/document_batch.hpp>
#include <pulse/core/document_store.hpp>
#include <pulse/core/encoding.hpp>
#include <pulse/core/error.hpp>
#include <pulse/core/history.hpp>
#include <pulse/core/http.hpp>
#include <pulse/core/http_text.hpp>
#include <pulse/core/hub.hpp>
#include <pulse/core/ids.hpp>
#include <pulse/core/lane.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/memory.hpp>
#include <pulse/core/metrics.hpp>
#include <pulse/core/native/dialect.hpp>
#include <pulse/core/outlet.hpp>
#include <pulse/core/presence.hpp>
#include <pulse/core/publication.hpp>
#include <pulse/core/rate_limiter.hpp>
#include <pulse/core/receiver.hpp>
#include <pulse/core/result.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/core/router.hpp>
#include <pulse/core/session.hpp>
