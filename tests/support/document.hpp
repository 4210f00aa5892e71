// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Documents as tests read them: the cells of a Markdown table, with back-quotes taken off.
#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::test {

/// A file of the source tree, by its path from the root.
[[nodiscard]] inline std::string read_document(const std::string& path) {
    std::ifstream file{std::string{PULSE_TEST_DATA_DIR} + "/../" + path, std::ios::binary};
    if (!file) throw std::runtime_error("no file " + path);
    return {std::istreambuf_iterator<char>{file}, {}};
}

using TableRow = std::vector<std::string>;

/// The rows of the first table whose head begins with `head`, such as "| reason | close code |".
[[nodiscard]] inline std::vector<TableRow> read_table(std::string_view document,
                                                      std::string_view head) {
    std::size_t at = document.find(head);
    if (at == std::string_view::npos) throw std::runtime_error("no table " + std::string(head));
    std::vector<TableRow> rows;
    const auto skip_line = [&] { at = std::min(document.find('\n', at), document.size() - 1) + 1; };
    skip_line();
    skip_line();
    while (at < document.size() && document[at] == '|') {
        const std::string_view line = document.substr(at, document.find('\n', at) - at);
        TableRow row;
        for (std::size_t cell = 1; cell < line.size();) {
            const std::size_t end = std::min(line.find('|', cell), line.size());
            std::string_view text = line.substr(cell, end - cell);
            while (text.starts_with(' ')) text.remove_prefix(1);
            while (text.ends_with(' ')) text.remove_suffix(1);
            if (text.size() > 1 && text.starts_with('`') && text.find('`', 1) == text.size() - 1) {
                text = text.substr(1, text.size() - 2);
            }
            row.emplace_back(text);
            cell = end + 1;
        }
        rows.push_back(std::move(row));
        skip_line();
    }
    return rows;
}

}  // namespace pulse::test
