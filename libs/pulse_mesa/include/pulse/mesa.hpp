// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All of pulse_mesa.
#pragma once

#include <pulse/mesa/bus.hpp>
#include <pulse/mesa/client.hpp>
#include <pulse/mesa/dispatcher.hpp>
#include <pulse/mesa/error.hpp>
#include <pulse/mesa/id.hpp>
#include <pulse/mesa/message.hpp>
#include <pulse/mesa/middleware.hpp>
#include <pulse/mesa/options.hpp>
#include <pulse/mesa/portal.hpp>
#include <pulse/mesa/recipients.hpp>
#include <pulse/mesa/redis.hpp>
#include <pulse/mesa/server.hpp>
#include <pulse/mesa/ws_client.hpp>
