// SPDX-License-Identifier: MIT OR Apache-2.0
#include "resp.hpp"

#include <array>
#include <charconv>

namespace pulse::redis {

namespace {

void append_count(char marker, std::size_t count, std::string& out) {
    std::array<char, 24> text;
    text[0] = marker;
    char* const end = std::to_chars(text.data() + 1, text.data() + text.size() - 2, count).ptr;
    end[0] = '\r';
    end[1] = '\n';
    out.append(text.data(), end + 2);
}

}  // namespace

void append_command(std::span<const std::string_view> arguments, std::string& out) {
    append_count('*', arguments.size(), out);
    for (const std::string_view argument : arguments) {
        append_count('$', argument.size(), out);
        out.append(argument).append("\r\n");
    }
}

}  // namespace pulse::redis
