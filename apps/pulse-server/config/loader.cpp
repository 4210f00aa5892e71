// SPDX-License-Identifier: MIT OR Apache-2.0
#include "config/loader.hpp"

#include "config/apply.hpp"
#include "config/schema.hpp"
#include "config/toml_document.hpp"
#include "config/validate.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace pulse::server {
namespace {

constexpr std::size_t kMaxSecretFileBytes = std::size_t{1024} * 1024;

LoadResult make_result() {
    LoadResult result;
    result.origins.resize(schema().keys().size());
    return result;
}

void read_text(std::string_view text, const std::string& file, LoadResult& result) {
    result.file = file;
    const auto document = parse_toml(text);
    if (document) {
        apply_toml(*document, file, result);
    } else {
        const TomlError& error = document.error();
        report(result, Severity::error, {Origin::Kind::file, file, error.at.line, error.at.column},
               {}, error.message);
    }
}

StringList default_files(const Environment& environment) {
    StringList files{"pulse.toml", "/etc/pulse/pulse.toml"};
    const auto home = environment.find("HOME");
    if (home != environment.end() && !home->second.empty()) {
        files.push_back(home->second + "/.config/pulse/pulse.toml");
    }
    return files;
}

bool is_absent(const std::error_code& error) {
    return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
}

/// True when the search is over: the file was read, or is there and cannot be read.
bool try_file(const std::string& file, bool must_exist, const FileReader& read_file,
              LoadResult& result) {
    const auto text = read_file(file, kMaxTomlBytes);
    if (text) {
        read_text(*text, file, result);
        return true;
    }
    if (!must_exist && is_absent(text.error())) return false;
    const std::string why =
        text.error() == std::errc::file_too_large
            ? fmt::format("the file is larger than {} KiB", kMaxTomlBytes / 1024)
            : text.error().message();
    report(result, Severity::error, {Origin::Kind::file, file}, {}, "cannot be read: " + why);
    return true;
}

void apply_files(const ConfigSources& sources, LoadResult& result) {
    if (sources.config_file) {
        try_file(*sources.config_file, true, sources.read_file, result);
        return;
    }
    for (const std::string& file : default_files(sources.environment)) {
        if (try_file(file, false, sources.read_file, result)) return;
    }
}

/// Top to bottom for the file, which comes first; the other sources keep their order.
void sort_by_position(Diagnostics& diagnostics) {
    const auto rank = [](const Diagnostic& d) {
        const bool is_file = d.origin.kind == Origin::Kind::file;
        return std::tuple{!is_file, is_file ? d.origin.line : 0, is_file ? d.origin.column : 0};
    };
    std::stable_sort(
        diagnostics.begin(), diagnostics.end(),
        [&rank](const Diagnostic& a, const Diagnostic& b) { return rank(a) < rank(b); });
}

void finish(const StringList& dialects, const StringList& reserved_paths, LoadResult& result) {
    validate(result.config,
             {.origins = result.origins,
              .listener_origins = result.listener_origins,
              .dialects = dialects,
              .reserved_paths = reserved_paths},
             result.diagnostics);
    sort_by_position(result.diagnostics);
}

StringList secret_lines(std::string_view text) {
    StringList lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        line = trim(line);
        if (!line.empty() && line.front() != '#') lines.emplace_back(line);
    }
    return lines;
}

/// What is in the file, added to what the key holds already.
Parsed<Value> merge_secret(const Key& key, const Value& present, std::string_view text) {
    StringList lines = secret_lines(text);
    if (lines.empty()) return tl::unexpected{std::string{"the file holds no secret"}};
    if (key.kind == Kind::list) {
        StringList all = std::get<StringList>(present);
        all.insert(all.end(), lines.begin(), lines.end());
        return check_value(key.kind, key.info, std::move(all));
    }
    const auto* const given = std::get_if<std::string>(&present);
    if (given != nullptr && !given->empty()) {
        return tl::unexpected{fmt::format("{} is set too; keep one of them", key.path)};
    }
    if (lines.size() > 1) return tl::unexpected{std::string{"the file holds more than one line"}};
    return check_value(key.kind, key.info, std::move(lines.front()));
}

void apply_secret_file(const Key& key, const Key& file_key, const FileReader& read_file,
                       LoadResult& result) {
    const Value path_value = file_key.get(result.config);
    const auto* const path = std::get_if<std::string>(&path_value);
    if (path == nullptr || path->empty()) return;

    const Origin& origin = result.origins[schema().index_of(file_key)];
    const auto text = read_file(*path, kMaxSecretFileBytes);
    if (!text) {
        report(result, Severity::error, origin, file_key.path,
               fmt::format("{} cannot be read: {}", toml_quote(*path), text.error().message()));
        return;
    }
    auto value = merge_secret(key, key.get(result.config), *text);
    if (!value) {
        report(result, Severity::error, origin, file_key.path,
               fmt::format("{}: {}", toml_quote(*path), value.error()));
        return;
    }
    store(key, *value, {Origin::Kind::file, *path}, result);
}

}  // namespace

void apply_secret_files(const FileReader& read_file, LoadResult& result) {
    for (const Key& key : schema().keys()) {
        if (!key.info.secret) continue;
        const Key* const file_key =
            schema().find(key.section, fmt::format("{}_file", key.info.name));
        if (file_key != nullptr) apply_secret_file(key, *file_key, read_file, result);
    }
}

LoadResult load_config(const ConfigSources& sources) {
    LoadResult result = make_result();
    apply_files(sources, result);
    apply_environment(sources.environment, result);
    apply_flags(sources.flags, result);
    apply_secret_files(sources.read_file, result);
    finish(sources.dialects, sources.reserved_paths, result);
    return result;
}

LoadResult load_config_text(std::string_view toml, std::string_view file_name) {
    LoadResult result = make_result();
    read_text(toml, std::string{file_name}, result);
    const ConfigSources defaults;
    finish(defaults.dialects, defaults.reserved_paths, result);
    return result;
}

}  // namespace pulse::server
