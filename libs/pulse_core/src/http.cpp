// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/http.hpp>
#include <pulse/core/http_text.hpp>

namespace pulse::core {

std::optional<std::string_view> HttpRequest::header(std::string_view name) const noexcept {
    for (const auto& [key, value] : headers) {
        if (http::iequals(key, name)) return value;
    }
    return std::nullopt;
}

std::string_view HttpRequest::parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : parameters) {
        if (key == name) return value;
    }
    return {};
}

std::optional<std::string> HttpRequest::query_value(std::string_view name) const {
    return http::query_value(query, name);
}

Route Route::immediate(std::string method, std::string path,
                       std::function<HttpResponse(const HttpRequest&)> function) {
    return {std::move(method), std::move(path),
            [function = std::move(function)](const HttpRequest& request, HttpResponder responder) {
                responder.respond(function(request));
            }};
}

HttpResponder::~HttpResponder() {
    if (is_open_) respond(HttpResponse::text(500, "No answer"));
}

void HttpResponder::respond(HttpResponse response) {
    if (!std::exchange(is_open_, false)) return;
    connection_.post(
        [serial = serial_, response = std::move(response)](Connection& connection) mutable {
            // Transports make responders for connections of this kind alone.
            static_cast<HttpConnection&>(connection).complete_response(serial, std::move(response));
        });
}

void HttpResponder::stream(HttpResponse head, StreamOpener open) {
    if (!std::exchange(is_open_, false)) return;
    connection_.post([serial = serial_, head = std::move(head),
                      open = std::move(open)](Connection& connection) mutable {
        static_cast<HttpConnection&>(connection)
            .begin_stream(serial, std::move(head), std::move(open));
    });
}

}  // namespace pulse::core
