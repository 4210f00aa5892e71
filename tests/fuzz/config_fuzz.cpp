// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything an operator can write down. An input is a TOML file; one that starts with a line "env"
// is an environment block, and one that starts with "args" a command line, an entry per line.
//
// Whatever it is: no crash; every message is one line of plain text; and a configuration that was
// accepted is printed as one that is read back the same.
#include "cli.hpp"
#include "config/render.hpp"
#include "config/value.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace pulse::server;

void require(bool holds) {
    if (!holds) std::abort();
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void check_result(const LoadResult& loaded) {
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
        require(is_plain_text(diagnostic.describe()));
    }
    const std::string printed = render_effective(loaded);
    if (!loaded.ok()) return;
    const LoadResult again = load_config_text(printed, "printed.toml");
    Config expected = loaded.config;
    expected.auth.tokens.clear();
    require(again.config == expected);
}

/// One file, which every path names.
FileReader reader_of(std::string content) {
    return [content = std::move(content)](
               const std::string&,
               std::size_t max_bytes) -> tl::expected<std::string, std::error_code> {
        if (content.size() > max_bytes) {
            return tl::unexpected{std::make_error_code(std::errc::file_too_large)};
        }
        return content;
    };
}

constexpr std::string_view kSecret = "a-secret-of-a-file";

void run_environment(std::string_view text) {
    ConfigSources sources;
    for (std::string& line : split_lines(text)) {
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos) continue;
        sources.environment.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    sources.config_file = "empty.toml";
    sources.read_file = [](const std::string& path,
                           std::size_t) -> tl::expected<std::string, std::error_code> {
        return path == "empty.toml" ? std::string{} : std::string{kSecret};
    };
    const LoadResult loaded = load_config(sources);
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
        require(is_plain_text(diagnostic.describe()));
    }
    if (text.find(kSecret) == std::string_view::npos) {
        require(render_effective(loaded).find(kSecret) == std::string::npos);
    }
}

void run_arguments(std::string_view text) {
    const Startup startup = prepare({.arguments = split_lines(text),
                                     .environment = {},
                                     .read_file = reader_of("port = 9000\n"),
                                     .build = {"1", "c", "g", {}},
                                     .dialects = {"native"}});
    require(!startup.should_run || startup.loaded.ok());
    if (startup.should_run) check_result(startup.loaded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    if (input.starts_with("env\n")) {
        run_environment(input.substr(4));
    } else if (input.starts_with("args\n")) {
        run_arguments(input.substr(5));
    } else {
        check_result(load_config_text(input, "fuzz.toml"));
    }
    return 0;
}
