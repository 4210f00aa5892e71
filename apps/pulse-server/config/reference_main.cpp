// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pulse-config-reference <source directory>: writes what the rows say into packaging/pulse.toml and
// between the markers of docs/operations/configuration.md.
#include "config/render.hpp"

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

std::string read_all(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void write_all(const std::string& path, const std::string& text) {
    std::ofstream file{path, std::ios::binary};
    file << text;
    file.close();
    if (!file) throw std::runtime_error{"cannot write " + path};
}

std::string replace_between(const std::string& text, const std::string& begin,
                            const std::string& end, const std::string& with) {
    const std::size_t from = text.find(begin);
    const std::size_t to = text.find(end);
    if (from == std::string::npos || to == std::string::npos || to < from) {
        throw std::runtime_error{"the markers are missing"};
    }
    return text.substr(0, from) + begin + "\n\n" + with + "\n" + text.substr(to);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: pulse-config-reference <source directory>\n", stderr);
        return 2;
    }
    try {
        const std::string root{argv[1]};
        const std::string page = root + "/docs/operations/configuration.md";
        write_all(root + "/packaging/pulse.toml", pulse::server::render_reference_toml());
        write_all(page, replace_between(read_all(page), "<!-- keys:begin -->", "<!-- keys:end -->",
                                        pulse::server::render_reference_tables()));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pulse-config-reference: %s\n", error.what());
        return 1;
    }
    return 0;
}
