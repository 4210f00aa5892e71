// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/file.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pulse::store::sqlite {

namespace {

/// A descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

/// So that the entry of something new in a folder survives what the thing itself survives.
void sync_folder(const std::filesystem::path& folder) {
    const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() >= 0) ::fsync(fd.get());
}

/// The process that holds the lock, as it wrote it down; 0 when unknown.
long read_holder(int fd) {
    std::array<char, 16> text{};
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    long pid = 0;
    if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
    return pid;
}

void write_holder(int fd) {
    const std::string text = std::to_string(::getpid()) + "\n";
    // For people; the lock holds without it.
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) return;
}

}  // namespace

std::optional<FileFacts> look_at(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
    return FileFacts{{facts.st_dev, facts.st_ino}, static_cast<std::uint64_t>(facts.st_size)};
}

std::optional<Fault> make_folders_for(const std::string& path) {
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::filesystem::path sofar;
    for (const std::filesystem::path& part : folder) {
        const std::filesystem::path parent = sofar;
        sofar /= part;
        if (::mkdir(sofar.c_str(), 0700) == 0) {
            sync_folder(parent);
            continue;
        }
        const int number = errno;
        struct stat facts {};
        if (::stat(sofar.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) {
            return system_fault("cannot make the folder", number);
        }
    }
    return std::nullopt;
}

std::optional<Fault> make_file(const std::string& path) {
    const Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.get() < 0 && errno != EEXIST) return system_fault("cannot make the file", errno);
    if (fd.get() >= 0) sync_folder(std::filesystem::path(path).parent_path());
    return std::nullopt;
}

std::optional<Fault> find_lack_of_rights(const std::string& path) {
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0) return std::nullopt;
    return system_fault("cannot read and write the file", errno);
}

tl::expected<FileLock, Fault> FileLock::acquire(const std::string& path) {
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd.get() < 0) return tl::unexpected(system_fault("cannot make the lock file", errno));
    // flock and not fcntl: it belongs to this descriptor, not to whoever in the process closes one.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return tl::unexpected(system_fault("cannot lock", errno));
        const long holder = read_holder(fd.get());
        std::string text = "another process uses the file";
        if (holder > 0) text += " (process id " + std::to_string(holder) + ")";
        return tl::unexpected(make_fault(core::Error::store_unavailable, std::move(text)));
    }
    write_holder(fd.get());
    return FileLock(fd.release());
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace pulse::store::sqlite
