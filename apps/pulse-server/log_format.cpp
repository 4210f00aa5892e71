// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log_format.hpp"

#include "config/utf8.hpp"
#include "config/value.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <variant>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";

std::string_view level_name(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::trace:
            return "trace";
        case core::LogLevel::debug:
            return "debug";
        case core::LogLevel::info:
            return "info";
        case core::LogLevel::warn:
            return "warn";
        case core::LogLevel::error:
            return "error";
        case core::LogLevel::off:
            break;
    }
    return "off";
}

std::string_view level_label(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::trace:
            return "TRACE";
        case core::LogLevel::debug:
            return "DEBUG";
        case core::LogLevel::info:
            return "INFO";
        case core::LogLevel::warn:
            return "WARN";
        case core::LogLevel::error:
            return "ERROR";
        case core::LogLevel::off:
            break;
    }
    return "OFF";
}

std::string_view level_colour(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::trace:
        case core::LogLevel::debug:
            return "\x1b[34m";
        case core::LogLevel::info:
            return "\x1b[32m";
        case core::LogLevel::warn:
            return "\x1b[33m";
        case core::LogLevel::error:
        case core::LogLevel::off:
            break;
    }
    return "\x1b[31m";
}

/// Characters that are invisible or rearrange their line: C0 and C1 controls, line and paragraph
/// separators, and the bidirectional marks with which a peer could forge how a log reads.
bool needs_escape(char32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x200E || code == 0x200F ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xFEFF;
}

/// The inside of a JSON string; text output quotes in the same way.
void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::string_view whole = text;
        const Utf8Char next = take_utf8(text);
        if (!next.is_valid) {
            out += "\uFFFD";
        } else if (next.code == '"' || next.code == '\\') {
            out += '\\';
            out += static_cast<char>(next.code);
        } else if (next.code == '\n') {
            out += "\\n";
        } else if (next.code == '\r') {
            out += "\\r";
        } else if (next.code == '\t') {
            out += "\\t";
        } else if (needs_escape(next.code)) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(next.code));
        } else {
            out += whole.substr(0, next.length);
        }
    }
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    if (text.size() <= kMaxLogValueBytes) {
        append_escaped(out, text);
    } else {
        // Back to the start of a character, so that the cut shows no replacement character.
        std::size_t end = kMaxLogValueBytes;
        while (end > kMaxLogValueBytes - 3 &&
               (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) {
            --end;
        }
        append_escaped(out, text.substr(0, end));
        fmt::format_to(std::back_inserter(out), "... ({} bytes more)", text.size() - end);
    }
    out += '"';
}

bool is_key_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/// What needs no quotes between "key=" and the next blank.
bool is_bare_value(std::string_view text) {
    static constexpr std::string_view kAlsoBare = "/:@+%,;*~()[]<>#!?&$^|";
    return !text.empty() && text.size() <= kMaxLogValueBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_key_char(c) || kAlsoBare.find(c) != std::string_view::npos;
           });
}

/// Names of events and fields are ours and plain; should one ever not be, it is made so.
void append_name(std::string& out, std::string_view name) {
    if (name.empty()) out += '_';
    for (const char c : name.substr(0, 64)) out += is_key_char(c) ? c : '_';
}

template <typename AppendString>
void append_value(std::string& out, const core::LogValue& value, std::string_view not_a_number,
                  AppendString append_string) {
    if (const auto* const text = std::get_if<std::string_view>(&value)) {
        append_string(out, *text);
    } else if (const auto* const real = std::get_if<double>(&value)) {
        if (std::isfinite(*real)) {
            fmt::format_to(std::back_inserter(out), "{}", *real);
        } else {
            out += not_a_number;
        }
    } else if (const auto* const number = std::get_if<std::int64_t>(&value)) {
        fmt::format_to(std::back_inserter(out), "{}", *number);
    } else if (const auto* const natural = std::get_if<std::uint64_t>(&value)) {
        fmt::format_to(std::back_inserter(out), "{}", *natural);
    } else {
        out += std::get<bool>(value) ? "true" : "false";
    }
}

/// The members every JSON line has; a field of the same name must not appear beside them.
bool is_reserved(std::string_view key) {
    static constexpr std::array<std::string_view, 5> kReserved{"time", "level", "event", "node",
                                                               "suppressed"};
    return std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end();
}

}  // namespace

bool is_sensitive_field(std::string_view key) {
    static constexpr std::array<std::string_view, 8> kParts{
        "token", "secret", "passw", "authorization", "cookie", "api_key", "credential", "payload"};
    const std::string name = lower_case(key);
    // Counts and sizes of such things are harmless and wanted.
    if (name.ends_with("_bytes") || name.ends_with("_count") || name.ends_with("_size")) {
        return false;
    }
    return std::any_of(kParts.begin(), kParts.end(), [&name](std::string_view part) {
        return name.find(part) != std::string::npos;
    });
}

void append_time(std::string& out, LogTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                   static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), clock.hours().count(),
                   clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

void append_text(std::string& out, const LogRecord& record, bool colour) {
    if (colour) out += kDim;
    append_time(out, record.time);
    if (colour) out += kReset;
    out += ' ';
    if (colour) out += level_colour(record.level);
    out += level_label(record.level);
    if (colour) out += kReset;
    out += ' ';
    append_name(out, record.event);
    for (const core::LogField& field :
         record.fields.first(std::min(record.fields.size(), kMaxLogFields))) {
        out += ' ';
        append_name(out, field.key);
        out += '=';
        if (is_sensitive_field(field.key)) {
            out += kHidden;
            continue;
        }
        append_value(out, field.value, "nan", [](std::string& line, std::string_view text) {
            if (is_bare_value(text)) {
                line += text;
            } else {
                append_quoted(line, text);
            }
        });
    }
    if (record.suppressed != 0) {
        fmt::format_to(std::back_inserter(out), " suppressed={}", record.suppressed);
    }
}

void append_json(std::string& out, const LogRecord& record) {
    out += "{\"time\":\"";
    append_time(out, record.time);
    fmt::format_to(std::back_inserter(out), "\",\"level\":\"{}\",\"event\":\"",
                   level_name(record.level));
    append_name(out, record.event);
    out += "\",\"node\":";
    append_quoted(out, record.node);
    for (const core::LogField& field :
         record.fields.first(std::min(record.fields.size(), kMaxLogFields))) {
        out += is_reserved(field.key) ? ",\"field_" : ",\"";
        append_name(out, field.key);
        out += "\":";
        if (is_sensitive_field(field.key)) {
            append_quoted(out, kHidden);
        } else {
            append_value(out, field.value, "null", append_quoted);
        }
    }
    if (record.suppressed != 0) {
        fmt::format_to(std::back_inserter(out), ",\"suppressed\":{}", record.suppressed);
    }
    out += '}';
}

}  // namespace pulse::server
