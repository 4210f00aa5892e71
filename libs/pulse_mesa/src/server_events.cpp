// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the application hears.
#include "server_impl.hpp"

#include <exception>
#include <utility>

namespace pulse::mesa {

namespace {

/// What went wrong where an error is told goes to the log: telling it would not end.
void log_failure(core::Log& log, std::string_view what) {
    log.write(core::LogLevel::error, "mesa_error_listener_failed", {{"reason", what}});
}

}  // namespace

void Server::Impl::raise(std::error_code code, std::string_view text, const ClientPtr& client) {
    counters.errors.fetch_add(1, std::memory_order_relaxed);
    const ErrorEvent error{code, text.empty() ? code.message() : std::string(text)};
    bool is_heard = false;
    try {
        auto* const connected = dynamic_cast<ConnectedClient*>(client.get());
        is_heard = connected != nullptr && connected->hear_error(error);
        if (!is_heard && error_listener) {
            is_heard = true;
            error_listener(error, client);
        }
        for (const auto& each : middleware) each->on_error(error, client);
    } catch (const std::exception& failure) {
        log_failure(hub.log(), failure.what());
    } catch (...) {
        log_failure(hub.log(), "not a std::exception");
    }
    if (is_heard) return;
    hub.log().write(
        core::LogLevel::warn, "mesa_error",
        {{"reason", std::string_view(error.text)}, {"about_client", client != nullptr}});
}

void Server::Impl::guarded(const ClientPtr& client, const std::function<void()>& code) {
    try {
        code();
    } catch (const std::exception& failure) {
        raise(make_error_code(Error::hook_failed), failure.what(), client);
    } catch (...) {
        raise(make_error_code(Error::hook_failed), client);
    }
}

void Server::Impl::for_each_hook(const ClientPtr&, const std::function<void(Middleware&)>& call) {
    for (const auto& each : middleware) {
        // A failing hook is the server's affair, whomever it was about.
        guarded(nullptr, [&] { call(*each); });
    }
}

}  // namespace pulse::mesa
