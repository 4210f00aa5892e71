// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What things are called on NATS.
#pragma once

#include "envelope.hpp"

#include <string>
#include <string_view>

#include <pulse/core/history.hpp>

namespace pulse::cluster {

/// Any bytes as one subject token: letters, digits, '_', '-' and ':' stand for themselves, other
/// bytes are "=XX"; a long name is "=_" and base64url. Empty when it is too long for a subject.
/// Tokens that begin with '=' and a small letter are never made.
[[nodiscard]] std::string subject_token(std::string_view name);

/// "live", or "<size>x<milliseconds>".
[[nodiscard]] std::string policy_name(const core::HistoryPolicy& policy);

/// "=n" and the node's 32 hexadecimal digits.
[[nodiscard]] std::string node_token(const NodeId& node);

}  // namespace pulse::cluster
