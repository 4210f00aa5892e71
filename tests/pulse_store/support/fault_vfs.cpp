// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/fault_vfs.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>

namespace pulse::test {

namespace {

constexpr std::size_t kSector = 512;

/// What SQLite sees as its file. The real one lies behind it in the same memory.
struct FaultFile {
    sqlite3_file base;
    FaultVfs* vfs;
    std::string* path;
    [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultFile& self(sqlite3_file* file) { return *reinterpret_cast<FaultFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return self(file).real(); }
const sqlite3_io_methods& methods(sqlite3_file* file) { return *real(file)->pMethods; }

int x_close(sqlite3_file* file) {
    const int code = methods(file).xClose(real(file));
    delete self(file).path;
    return code;
}

int x_read(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
    if (const int code = self(file).vfs->next(FaultVfs::Operation::read)) return code;
    return methods(file).xRead(real(file), into, size, at);
}

int x_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    FaultVfs& vfs = *self(file).vfs;
    if (const int code = vfs.next(FaultVfs::Operation::write)) return code;
    if (vfs.is_full()) {
        sqlite3_int64 bytes = 0;
        methods(file).xFileSize(real(file), &bytes);
        if (at + size > bytes) {
            vfs.count_fault();
            return SQLITE_FULL;
        }
    }
    vfs.note_write(*self(file).path, data, size, at);
    return methods(file).xWrite(real(file), data, size, at);
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultVfs& vfs = *self(file).vfs;
    if (const int code = vfs.next(FaultVfs::Operation::truncate)) return code;
    vfs.note_truncate(*self(file).path, size);
    return methods(file).xTruncate(real(file), size);
}

int x_sync(sqlite3_file* file, int) {
    FaultVfs& vfs = *self(file).vfs;
    if (const int code = vfs.next(FaultVfs::Operation::sync)) {
        vfs.note_failed_sync(*self(file).path);
        return code;
    }
    // The real disk is not needed: what it would keep is noted.
    vfs.note_sync(*self(file).path);
    return SQLITE_OK;
}

int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
    return methods(file).xFileSize(real(file), size);
}
int x_lock(sqlite3_file* file, int level) { return methods(file).xLock(real(file), level); }
int x_unlock(sqlite3_file* file, int level) { return methods(file).xUnlock(real(file), level); }
int x_check_lock(sqlite3_file* file, int* out) {
    return methods(file).xCheckReservedLock(real(file), out);
}
int x_control(sqlite3_file* file, int what, void* value) {
    return methods(file).xFileControl(real(file), what, value);
}
int x_sector_size(sqlite3_file* file) { return methods(file).xSectorSize(real(file)); }
int x_characteristics(sqlite3_file* file) {
    return methods(file).xDeviceCharacteristics(real(file));
}
int x_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    if (const int code = self(file).vfs->next(FaultVfs::Operation::map)) return code;
    return methods(file).xShmMap(real(file), page, size, extend, out);
}
int x_shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return methods(file).xShmLock(real(file), offset, n, flags);
}
void x_shm_barrier(sqlite3_file* file) { methods(file).xShmBarrier(real(file)); }
int x_shm_unmap(sqlite3_file* file, int remove) {
    return methods(file).xShmUnmap(real(file), remove);
}

const sqlite3_io_methods kMethods{2,
                                  x_close,
                                  x_read,
                                  x_write,
                                  x_truncate,
                                  x_sync,
                                  x_file_size,
                                  x_lock,
                                  x_unlock,
                                  x_check_lock,
                                  x_control,
                                  x_sector_size,
                                  x_characteristics,
                                  x_shm_map,
                                  x_shm_lock,
                                  x_shm_barrier,
                                  x_shm_unmap,
                                  nullptr,
                                  nullptr};

FaultVfs& owner(sqlite3_vfs* vfs) { return *static_cast<FaultVfs*>(vfs->pAppData); }

int x_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    FaultVfs& faults = owner(vfs);
    file->pMethods = nullptr;
    if (const int code = faults.next(FaultVfs::Operation::open)) return code;
    FaultFile& mine = self(file);
    const int code = faults.real().xOpen(&faults.real(), path, mine.real(), flags, out_flags);
    if (mine.real()->pMethods == nullptr) return code;
    mine.base.pMethods = &kMethods;
    mine.vfs = &faults;
    mine.path = new std::string(path != nullptr ? path : "");
    if (code == SQLITE_OK) faults.note_open(*mine.path);
    return code;
}

int x_delete(sqlite3_vfs* vfs, const char* path, int) {
    FaultVfs& faults = owner(vfs);
    if (const int code = faults.next(FaultVfs::Operation::remove)) return code;
    faults.note_remove(path);
    // Without a sync of the folder, as in x_sync.
    return faults.real().xDelete(&faults.real(), path, 0);
}

}  // namespace

FaultVfs::FaultVfs()
    : real_(sqlite3_vfs_find(nullptr)), vfs_(std::make_unique<sqlite3_vfs>(*real_)) {
    static std::atomic<int> number{0};
    name_ = "fault-" + std::to_string(++number);
    vfs_->zName = name_.c_str();
    vfs_->szOsFile = real_->szOsFile + static_cast<int>(sizeof(FaultFile));
    vfs_->pAppData = this;
    vfs_->xOpen = x_open;
    vfs_->xDelete = x_delete;
    sqlite3_vfs_register(vfs_.get(), 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(vfs_.get()); }

void FaultVfs::fail_at(std::uint64_t n, std::uint64_t more) {
    fail_to_ = operations_ + n + more;
    fail_from_ = operations_ + n;
}

void FaultVfs::heal() noexcept {
    fail_from_ = 0;
    is_full_ = is_unreadable_ = is_unsyncable_ = false;
}

int FaultVfs::next(Operation operation) {
    const std::uint64_t number = ++operations_;
    const std::uint64_t from = fail_from_;
    const bool is_due = from != 0 && number >= from && number <= fail_to_;
    const bool fails = is_due || (operation == Operation::read && is_unreadable_) ||
                       (operation == Operation::sync && is_unsyncable_);
    if (!fails) return SQLITE_OK;
    ++faults_;
    switch (operation) {
        case Operation::open:
            return SQLITE_CANTOPEN;
        case Operation::remove:
            return SQLITE_IOERR_DELETE;
        case Operation::read:
            return SQLITE_IOERR_READ;
        case Operation::write:
            return number % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        case Operation::truncate:
            return SQLITE_IOERR_TRUNCATE;
        case Operation::sync:
            return SQLITE_IOERR_FSYNC;
        case Operation::map:
            return SQLITE_IOERR_SHMMAP;
    }
    return SQLITE_ERROR;
}

void FaultVfs::note_open(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (path.empty() || images_.contains(path)) return;
    std::ifstream file(path, std::ios::binary);
    images_[path].synced.assign(std::istreambuf_iterator<char>(file), {});
}

void FaultVfs::note_write(const std::string& path, const void* data, int size, std::int64_t at) {
    const char* begin = static_cast<const char*>(data);
    const std::lock_guard lock(mutex_);
    images_[path].since.push_back({at, {begin, begin + size}, false});
}

void FaultVfs::note_truncate(const std::string& path, std::int64_t size) {
    const std::lock_guard lock(mutex_);
    images_[path].since.push_back({size, {}, true});
}

void FaultVfs::note_sync(const std::string& path) {
    ++syncs_;
    const std::lock_guard lock(mutex_);
    Image& image = images_[path];
    for (const Write& write : image.since) apply(write, image.synced);
    image.since.clear();
}

void FaultVfs::note_failed_sync(const std::string& path) {
    const std::lock_guard lock(mutex_);
    images_[path].since.clear();
}

void FaultVfs::note_remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    images_.erase(path);
}

void FaultVfs::apply(const Write& write, std::vector<char>& bytes) {
    const auto at = static_cast<std::size_t>(write.at);
    if (write.is_truncation) {
        if (at < bytes.size()) bytes.resize(at);
        return;
    }
    bytes.resize(std::max(bytes.size(), at + write.data.size()));
    std::copy(write.data.begin(), write.data.end(), bytes.begin() + write.at);
}

void FaultVfs::lose_power(const std::string& folder, std::mt19937& random) const {
    std::filesystem::create_directories(folder);
    const std::lock_guard lock(mutex_);
    for (const auto& [path, image] : images_) {
        std::vector<char> bytes = image.synced;
        for (const Write& write : image.since) {
            const unsigned fate = static_cast<unsigned>(random() % 3);
            if (fate == 0) continue;  // never reached the disk
            if (fate == 1 || write.is_truncation) {
                apply(write, bytes);
                continue;
            }
            for (std::size_t at = 0; at < write.data.size(); at += kSector) {
                if (random() % 2 == 0) continue;
                const auto begin = write.data.begin() + static_cast<std::ptrdiff_t>(at);
                const std::size_t size = std::min(kSector, write.data.size() - at);
                apply({write.at + static_cast<std::int64_t>(at),
                       {begin, begin + static_cast<std::ptrdiff_t>(size)},
                       false},
                      bytes);
            }
        }
        const std::string name = std::filesystem::path(path).filename().string();
        std::ofstream(folder + "/" + name, std::ios::binary)
            .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
}

std::size_t FaultVfs::unsynced_bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t bytes = 0;
    for (const auto& [path, image] : images_) {
        for (const Write& write : image.since) bytes += write.data.size();
    }
    return bytes;
}

}  // namespace pulse::test
