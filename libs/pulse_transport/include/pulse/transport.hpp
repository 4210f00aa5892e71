// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything of pulse::transport, for programs that prefer one include.
#pragma once

#include <pulse/transport/http.hpp>
#include <pulse/transport/loop.hpp>
#include <pulse/transport/options.hpp>
#include <pulse/transport/server.hpp>
