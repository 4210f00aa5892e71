// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.hpp"

#include <cmath>
#include <cstdio>

namespace pulse::load {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char byte : text) {
        const auto c = static_cast<signed char>(byte);
        if (c == '"' || c == '\\') {
            out.append({'\\', byte});
        } else if (c < 0x20 || c == 0x7F) {
            // Bytes beyond ASCII (negative here) too: one escape per byte keeps the line valid JSON
            // whatever a server sent as its reason.
            char escape[8];
            std::snprintf(escape, sizeof(escape), "\\u%04x",
                          static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += escape;
        } else {
            out.push_back(byte);
        }
    }
    return out + "\"";
}

}  // namespace

void Report::add(std::string_view name, double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.6g", value);
    entries_.emplace_back(name, std::isfinite(value) ? text : "null");
}

void Report::add(std::string_view name, std::string_view text) {
    entries_.emplace_back(name, quoted(text));
}

void Report::add(std::string_view name, bool value) {
    entries_.emplace_back(name, value ? "true" : "false");
}

std::string Report::json() const {
    std::string out(1, '{');
    for (const auto& [name, value] : entries_) {
        out.append(quoted(name)).append(":").append(value).append(",");
    }
    out.append(ok() ? "\"ok\":true" : "\"ok\":false").append(",\"failures\":[");
    for (std::size_t i = 0; i < failures_.size(); ++i) {
        if (i > 0) out.push_back(',');
        out.append(quoted(failures_[i]));
    }
    return out.append("]}");
}

std::string Report::text() const {
    std::string out;
    for (const auto& [name, value] : entries_) {
        std::string padded = name;
        padded.resize(std::max<std::size_t>(padded.size() + 1, 34), ' ');
        out += padded + value + "\n";
    }
    for (const std::string& failure : failures_) out += "FAILED: " + failure + "\n";
    return out;
}

}  // namespace pulse::load
