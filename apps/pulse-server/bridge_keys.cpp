// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bridge_keys.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pulse/roblox/secret.hpp>

namespace pulse::server {

namespace {

constexpr std::string_view kApiKeyFile = "roblox-admin.key";
constexpr std::string_view kMasterKeyFile = "roblox-master.key";
constexpr std::size_t kMaxFileBytes = std::size_t{64} * 1024;

class File {
  public:
    explicit File(int fd) noexcept : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int fd() const noexcept { return fd_; }

  private:
    int fd_;
};

std::string path_of(const RobloxOptions& options, std::string_view file) {
    return (std::filesystem::path(options.key_directory) / file).string();
}

tl::unexpected<std::string> failed(std::string_view doing, const std::string& path, int error) {
    return tl::unexpected("cannot " + std::string(doing) + " " + path + ": " +
                          std::generic_category().message(error));
}

/// Nothing when there is no such file.
tl::expected<std::optional<std::string>, std::string> read_key(const std::string& path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.fd() < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        return failed("read", path, errno);
    }
    struct stat facts {};
    if (::fstat(file.fd(), &facts) != 0) return failed("read", path, errno);
    if (!S_ISREG(facts.st_mode)) return tl::unexpected(path + " is not a file");
    if ((facts.st_mode & 077) != 0) {
        return tl::unexpected("others may read " + path + ", which holds a key: chmod 600 it");
    }
    if (facts.st_size <= 0 || static_cast<std::size_t>(facts.st_size) > kMaxFileBytes) {
        return tl::unexpected(path + " holds no key");
    }
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    const ssize_t got = ::read(file.fd(), text.data(), text.size());
    if (got < 0) return failed("read", path, errno);
    text.resize(static_cast<std::size_t>(got));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
        text.pop_back();
    }
    if (text.empty()) return tl::unexpected(path + " holds no key");
    return text;
}

/// Whole or not at all, and on disk: what is encrypted with it must not outlive it. Of several that
/// start at the same moment one is the first, and its key stays.
tl::expected<void, std::string> write_key(const std::string& path, std::string_view key) {
    std::string part = path + ".XXXXXX";
    {
        const File file(::mkostemp(part.data(), O_CLOEXEC));  // for its owner alone
        if (file.fd() < 0) return failed("write", path, errno);
        const std::string text = std::string(key) + "\n";
        const bool is_written =
            ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
            ::fsync(file.fd()) == 0 && (::link(part.c_str(), path.c_str()) == 0 || errno == EEXIST);
        const int error = errno;
        ::unlink(part.c_str());
        if (!is_written) return failed("write", path, error);
    }
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const File directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
    if (directory.fd() < 0 || ::fsync(directory.fd()) != 0) return failed("write", path, errno);
    return {};
}

/// `given`, or what the file holds, or a new one.
tl::expected<std::string, std::string> obtain(const std::string& given, const std::string& path,
                                              std::string_view variable, bool may_make,
                                              const std::string& fresh, bool& is_new) {
    is_new = false;
    if (!given.empty()) return given;
    auto kept = read_key(path);
    if (!kept) return tl::unexpected(kept.error());
    if (*kept) return **kept;
    if (!may_make) {
        return tl::unexpected(
            "the Roblox bridge is served beyond loopback, so its keys must be "
            "given: set " +
            std::string(variable) + " (there is no " + path +
            " either), or roblox.enabled = false");
    }
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (error) return tl::unexpected("cannot make " + folder.string() + ": " + error.message());
    if (const auto written = write_key(path, fresh); !written) {
        return tl::unexpected(written.error());
    }
    kept = read_key(path);
    if (!kept) return tl::unexpected(kept.error());
    if (!*kept) return tl::unexpected(path + " has gone");
    is_new = **kept == fresh;
    return **kept;
}

}  // namespace

bool has_bridge_keys(const RobloxOptions& options) {
    std::error_code error;
    return !options.api_key.empty() ||
           std::filesystem::exists(path_of(options, kApiKeyFile), error);
}

tl::expected<std::optional<std::string>, std::string> find_master_keys(
    const RobloxOptions& options) {
    if (!options.master_keys.empty()) return options.master_keys;
    return read_key(path_of(options, kMasterKeyFile));
}

tl::expected<BridgeKeys, std::string> obtain_bridge_keys(const RobloxOptions& options,
                                                         bool may_make, core::Rng& rng) {
    BridgeKeys keys;
    bool is_new = false;
    auto master =
        obtain(options.master_keys, path_of(options, kMasterKeyFile), "PULSE_ROBLOX_MASTER_KEYS",
               may_make, "k1:" + roblox::make_secret(rng), is_new);
    if (!master) return tl::unexpected(master.error());
    keys.master_keys = std::move(*master);
    const std::string path = path_of(options, kApiKeyFile);
    auto api = obtain(options.api_key, path, "PULSE_ROBLOX_API_KEY", may_make,
                      roblox::make_secret(rng), is_new);
    if (!api) return tl::unexpected(api.error());
    keys.api_key = std::move(*api);
    if (is_new) keys.new_api_key_path = path;
    return keys;
}

}  // namespace pulse::server
