// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The bridge's way to Open Cloud over any HttpClient.
#pragma once

#include <memory>
#include <string>

#include <pulse/core/clock.hpp>
#include <pulse/roblox/bridge.hpp>
#include <pulse/roblox/http_client.hpp>

namespace pulse::roblox {

struct CloudTransportOptions {
    std::string base_url{kOpenCloudUrl};  ///< without a slash at its end
    CloudApi api = CloudApi::v2;
};

/// Both outlive it. **Loop-bound**, as the client.
[[nodiscard]] std::unique_ptr<PublishTransport> make_cloud_transport(
    HttpClient& client, core::Clock& clock, CloudTransportOptions options = {});

}  // namespace pulse::roblox
