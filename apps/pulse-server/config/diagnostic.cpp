// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/diagnostic.hpp"

#include "config/value.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pulse::server {

std::string Origin::describe() const {
    switch (kind) {
        case Kind::built_in:
            return "default";
        case Kind::file:
            return line == 0 ? one_line(name) : fmt::format("{}:{}", one_line(name), line);
        case Kind::environment:
            return "environment " + one_line(name);
        case Kind::flag:
            return name;
    }
    return {};
}

std::string Diagnostic::describe() const {
    std::string text;
    switch (origin.kind) {
        case Origin::Kind::built_in:
            text = "configuration: ";
            break;
        case Origin::Kind::file:
            // The form that editors and compilers share, so that tools can jump to it.
            text = origin.line == 0 ? fmt::format("{}: ", one_line(origin.name))
                                    : fmt::format("{}:{}:{}: ", one_line(origin.name), origin.line,
                                                  origin.column);
            break;
        case Origin::Kind::environment:
        case Origin::Kind::flag:
            text = origin.describe() + ": ";
            break;
    }
    if (severity == Severity::warning) text += "warning: ";
    if (!key.empty()) text += key + ": ";
    return text + message;
}

bool is_full(std::span<const Diagnostic> diagnostics, Severity severity) {
    const auto count =
        std::count_if(diagnostics.begin(), diagnostics.end(),
                      [severity](const Diagnostic& d) { return d.severity == severity; });
    return static_cast<std::size_t>(count) >= kMaxDiagnostics;
}

void add(Diagnostics& diagnostics, Diagnostic diagnostic) {
    if (!is_full(diagnostics, diagnostic.severity)) diagnostics.push_back(std::move(diagnostic));
}

bool has_errors(std::span<const Diagnostic> diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string describe(std::span<const Diagnostic> diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) text += diagnostic.describe() + '\n';
    return text;
}

}  // namespace pulse::server
