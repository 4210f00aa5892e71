// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the configuration touches the process: files, the environment block, the host's name.
#include "config/loader.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace pulse::server {
namespace {

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

tl::expected<std::string, std::error_code> read_file(const std::string& path,
                                                     std::size_t max_bytes) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.get() < 0) return tl::unexpected{last_error()};
    std::string text;
    std::array<char, std::size_t{16} * 1024> buffer;
    while (true) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count == 0) return text;
        if (count < 0) {
            if (errno == EINTR) continue;
            return tl::unexpected{last_error()};
        }
        const auto size = static_cast<std::size_t>(count);
        if (size > max_bytes - text.size()) {
            return tl::unexpected{std::make_error_code(std::errc::file_too_large)};
        }
        text.append(buffer.data(), size);
    }
}

std::string node_name(const Config& config) {
    if (!config.server.name.empty()) return config.server.name;
    std::array<char, 256> name{};
    // One byte is kept back: a name that is cut off need not be terminated.
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "pulse";
    return name.data();
}

Environment make_environment(const char* const* variables) {
    Environment environment;
    for (; variables != nullptr && *variables != nullptr; ++variables) {
        const std::string_view variable{*variables};
        const std::size_t equals = variable.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        // As getenv() does, the first of two with the same name counts.
        environment.emplace(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return environment;
}

}  // namespace pulse::server
