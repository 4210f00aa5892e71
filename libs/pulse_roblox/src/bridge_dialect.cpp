// SPDX-License-Identifier: MIT OR Apache-2.0
#include "admission.hpp"
#include "web_conversation.hpp"

#include <array>
#include <memory>
#include <utility>

#include <pulse/core/http_text.hpp>
#include <pulse/roblox/bridge_dialect.hpp>
#include <pulse/roblox/error.hpp>

namespace pulse::roblox {

namespace {

constexpr std::array<std::string_view, 1> kSubprotocols{"pulse.v1"};

struct Admission {
    UniverseId universe;
    Caller caller;
};

[[nodiscard]] core::Refusal refuse(core::HttpResponse answer) {
    return {answer.status, std::move(answer.body), std::move(answer.content_type),
            std::move(answer.headers)};
}

}  // namespace

BridgeDialect::BridgeDialect(BridgeHost& host, AccessBook& access, WebClients& clients,
                             BridgeDialectOptions options)
    : host_(host), access_(access), clients_(clients), options_(std::move(options)) {}

std::span<const std::string_view> BridgeDialect::subprotocols() const noexcept {
    return kSubprotocols;
}

std::optional<core::Refusal> BridgeDialect::admit(const core::OpenRequest& request) {
    const auto universe = universe_of_path(request.path);
    if (!universe) return refuse(error_response(404, "Invalid path"));
    const Credential credential = find_credential(request);
    if (credential.kind == Credential::Kind::ticket && options_.is_elsewhere &&
        options_.is_elsewhere(*universe)) {
        return std::nullopt;  // without admission: nothing is opened for it here
    }
    auto caller = admit_to_connect(access_, credential, *universe, request.header("origin"),
                                   request.header("host"));
    if (!caller) return refuse(std::move(caller.error()));
    request.admission = std::make_shared<const Admission>(Admission{*universe, std::move(*caller)});
    return std::nullopt;
}

std::unique_ptr<core::Conversation> BridgeDialect::open(core::Connection& connection,
                                                        const core::OpenRequest& request) {
    // A transport that asks nobody for admission lets nobody in here.
    if (request.admission == nullptr) return std::make_unique<ClosedConversation>(connection);
    const auto& admission = *static_cast<const Admission*>(request.admission.get());
    return std::make_unique<WebConversation>(*this, connection, admission.universe,
                                             admission.caller,
                                             core::http::query_value(request.query, "v") == "1");
}

}  // namespace pulse::roblox
