// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pulse-roblox/legacy_records.hpp"

#include "config/loader.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

namespace pulse::roblox_command {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTooMany = "there are more than 100,000 records";
constexpr const char* kNotAnObject = "is not a JSON object of records in base64";

/// One flat object of texts; whatever else comes ends the parse, so nothing nests and every record
/// is seen, also when two have one name.
class ExportReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    LegacyExport found{};
    std::string error{};

    bool start_object(std::size_t) override { return is_open_ ? refuse(kNotAnObject) : open(); }
    bool key(string_t& text) override {
        name_ = std::move(text);
        return true;
    }
    bool string(string_t& text) override {
        if (!is_open_) return refuse(kNotAnObject);
        if (found.records.size() + found.problems.size() == kMaxRecords) return refuse(kTooMany);
        if (auto bytes = decode_base64(text)) {
            found.records.push_back({name_, std::move(*bytes)});
        } else {
            found.problems.push_back({name_, "not base64"});
        }
        return true;
    }
    bool end_object() override { return true; }
    bool null() override { return other(); }
    bool boolean(bool) override { return other(); }
    bool number_integer(number_integer_t) override { return other(); }
    bool number_unsigned(number_unsigned_t) override { return other(); }
    bool number_float(number_float_t, const string_t&) override { return other(); }
    bool binary(binary_t&) override { return other(); }
    bool start_array(std::size_t) override { return other(); }
    bool end_array() override { return other(); }
    bool parse_error(std::size_t at, const std::string&,
                     const nlohmann::detail::exception&) override {
        // Not the library's words: they quote the text.
        return refuse("is not JSON at byte " + std::to_string(at));
    }

  private:
    bool open() {
        is_open_ = true;
        return true;
    }
    bool other() { return refuse(kNotAnObject); }
    bool refuse(std::string why) {
        if (error.empty()) error = std::move(why);
        return false;
    }

    bool is_open_ = false;
    std::string name_{};
};

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

tl::expected<LegacyExport, std::string> read_directory(const std::string& path) {
    LegacyExport found;
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
        if (files.size() == kMaxRecords) return tl::unexpected(path + ": " + kTooMany);
        files.push_back(entry->path());
    }
    if (error) return tl::unexpected("cannot read " + path + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
        const std::string name = file.filename().string();
        std::error_code unknown;
        // A pipe would be waited for.
        if (!fs::is_regular_file(file, unknown)) {
            found.problems.push_back({name, "not a file"});
            continue;
        }
        auto bytes = server::read_file(file.string(), kMaxRecordBytes);
        if (bytes) {
            found.records.push_back({name, std::move(*bytes)});
        } else {
            found.problems.push_back({name, bytes.error().message()});
        }
    }
    return found;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    if (text.size() % 4 == 1) return {};
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const int digit = base64_digit(c);
        if (digit < 0) return {};
        bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes += static_cast<char>((bits >> static_cast<unsigned>(held)) & 0xffU);
    }
    return bytes;
}

tl::expected<LegacyExport, std::string> parse_legacy_export(std::string_view json) {
    ExportReader reader;
    const bool is_whole = nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
    if (!is_whole) return tl::unexpected(std::move(reader.error));
    return std::move(reader.found);
}

tl::expected<LegacyExport, std::string> read_legacy_export(const std::string& path) {
    std::error_code unknown;
    if (fs::is_directory(path, unknown)) return read_directory(path);
    const auto text = server::read_file(path, kMaxExportBytes);
    if (!text) return tl::unexpected("cannot read " + path + ": " + text.error().message());
    auto found = parse_legacy_export(*text);
    if (!found) return tl::unexpected(path + " " + found.error());
    return found;
}

}  // namespace pulse::roblox_command
