// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything of pulse::store, for programs that prefer one include.
#pragma once

#include <pulse/store/redis_store.hpp>
#include <pulse/store/sqlite_store.hpp>
