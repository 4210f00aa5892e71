// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All of pulse::protocol, for examples and small programs.
#pragma once

#include <pulse/protocol/bytes.hpp>
#include <pulse/protocol/channel_name.hpp>
#include <pulse/protocol/close_reason.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/error.hpp>
#include <pulse/protocol/frame.hpp>
#include <pulse/protocol/frame_decoder.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/utf8.hpp>
#include <pulse/protocol/value.hpp>
#include <pulse/protocol/version.hpp>
