// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From a path to a store: files and their modes, the lock, what cannot be opened, what is found
// damaged.
#include "sqlite/opening.hpp"

#include "support/store_fixture.hpp"

#include <fstream>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

using namespace pulse;
using core::DocumentBatch;
using core::Error;

namespace {

unsigned mode_of(const std::string& path) {
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_mode & 07777U;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
}

/// Rights mean nothing to root: tests about them are somebody else's for their time.
class Somebody {
  public:
    explicit Somebody(const std::filesystem::path& home) {
        if (::geteuid() != 0) return;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(home)) {
            if (::chown(entry.path().c_str(), kNobody, kNobody) != 0)
                throw std::runtime_error("chown");
        }
        if (::chown(home.c_str(), kNobody, kNobody) != 0 || ::seteuid(kNobody) != 0) {
            throw std::runtime_error("seteuid");
        }
        was_root_ = true;
    }
    ~Somebody() {
        if (was_root_ && ::seteuid(0) != 0) std::abort();
    }
    Somebody(const Somebody&) = delete;
    Somebody& operator=(const Somebody&) = delete;

  private:
    static constexpr uid_t kNobody = 65534;
    bool was_root_ = false;
};

/// A store with a hundred documents, closed well.
void fill(test::StoreFixture& f) {
    auto store = f.open_well();
    for (int i = 0; i < 100; ++i) {
        DocumentBatch batch;
        batch.put("k" + std::to_string(i), std::string(500, 'x'));
        REQUIRE(test::commit(*store, std::move(batch)));
    }
}

/// Overwrites every page behind the schema's.
void damage(const std::string& path) {
    constexpr std::size_t kPage = 4096;
    const auto size = std::filesystem::file_size(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (std::size_t at = 2 * kPage; at < size; at += kPage) {
        file.seekp(static_cast<std::streamoff>(at));
        file << std::string(64, '\x5a');
    }
}

}  // namespace

TEST_CASE("folders and files are made for this user alone", "[store][opening]") {
    test::StoreFixture f;
    f.options.path = (f.dir / "deep" / "er" / "pulse.db").string();
    const mode_t before = ::umask(0);
    {
        auto store = f.open_well();
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
        CHECK(test::text_of(*store, "a") == "1");
        CHECK(mode_of((f.dir / "deep").string()) == 0700);
        CHECK(mode_of((f.dir / "deep" / "er").string()) == 0700);
        for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
            CAPTURE(suffix);
            CHECK(mode_of(f.beside(suffix)) == 0600);
        }
    }
    ::umask(before);
    // Closed well, everything is in the one file.
    CHECK_FALSE(f.exists("-wal"));
    CHECK_FALSE(f.exists("-shm"));
}

TEST_CASE("what was there keeps its mode", "[store][opening]") {
    test::StoreFixture f;
    std::filesystem::create_directories(f.dir / "data");
    ::chmod((f.dir / "data").c_str(), 0750);
    write_file(f.options.path, "");
    ::chmod(f.options.path.c_str(), 0640);
    (void)f.open_well();
    CHECK(mode_of((f.dir / "data").string()) == 0750);
    CHECK(mode_of(f.options.path) == 0640);
}

TEST_CASE("what was put is there after closing and opening", "[store][opening]") {
    test::StoreFixture f;
    std::uint64_t version = 0;
    {
        auto store = f.open_well();
        version = test::commit(*store, DocumentBatch().put("a", "1").add("n", 7)).value().version;
    }
    {
        auto store = f.open_well();
        CHECK(test::listed(test::scan_all(*store, {})) == "a=1 n=7");
        CHECK(test::get(*store, "a").value()->version == version);
        CHECK(test::commit(*store, DocumentBatch().require_version("a", version).put("a", "2"))
                  .value()
                  .version > version);
    }
    CHECK(f.log.count("was_closed_well=true was_checked=false") == 2);
}

TEST_CASE("a relative path is taken from where the process was", "[store][opening]") {
    test::StoreFixture f;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(f.dir.path());
    f.options.path = "rel/:memory:";
    {
        auto store = f.open_well();
        std::filesystem::current_path(before);
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
    }
    CHECK(std::filesystem::exists(f.dir / "rel" / ":memory:"));
}

TEST_CASE("a second store on the same file is refused until the first ends", "[store][opening]") {
    test::StoreFixture f;
    auto first = f.open_well();
    CHECK(test::commit(*first, DocumentBatch().put("a", "1")));
    auto second = f.open();
    CHECK(second->status().error == Error::store_unavailable);
    CHECK(second->status().text ==
          "another process uses the file (process id " + std::to_string(::getpid()) + ")");
    CHECK(test::commit(*second, DocumentBatch().put("a", "2")).error() == Error::store_unavailable);
    CHECK(test::get(*second, "a").error() == Error::store_unavailable);
    CHECK(test::commit(*first, DocumentBatch().put("b", "1")));
    first.reset();
    CHECK(test::eventually([&] { return second->status().is_available(); }));
    CHECK(test::listed(test::scan_all(*second, {})) == "a=1 b=1");
    CHECK(test::commit(*second, DocumentBatch().put("a", "2")));
    // One line for the trouble, however often it tried.
    CHECK(f.log.count("store_unavailable") == 1);
    CHECK(f.log.count("store_recovered") == 1);
}

TEST_CASE("what is no path of a file is refused", "[store][opening]") {
    test::StoreFixture f;
    const auto status_at = [&](const std::filesystem::path& path) {
        f.options.path = path.string();
        return f.open()->status();
    };
    CHECK(status_at("").text == "no path is given");
    std::filesystem::create_directories(f.dir / "folder");
    CHECK(status_at(f.dir / "folder").text == "the path is not that of a file");
    write_file((f.dir / "file").string(), "x");
    CHECK(status_at(f.dir / "file" / "pulse.db").text == "cannot make the folder: File exists");
    CHECK(status_at(f.dir / "file" / "pulse.db").error == Error::store_unavailable);
    CHECK(status_at(f.dir / std::string(300, 'x')).text ==
          "cannot make the lock file: File name too long");
}

TEST_CASE("a folder that cannot be written is refused, and taken when it can", "[store][opening]") {
    test::StoreFixture f;
    std::filesystem::create_directories(f.dir / "data");
    const Somebody somebody(f.dir.path());
    ::chmod((f.dir / "data").c_str(), 0500);
    auto store = f.open();
    CHECK(store->status().error == Error::store_unavailable);
    CHECK(store->status().text == "cannot make the lock file: Permission denied");
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")).error() == Error::store_unavailable);
    ::chmod((f.dir / "data").c_str(), 0700);
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")));
}

TEST_CASE("a read-only file is refused, and taken when it is not", "[store][opening]") {
    test::StoreFixture f;
    fill(f);
    const Somebody somebody(f.dir.path());
    ::chmod(f.options.path.c_str(), 0400);
    auto store = f.open();
    CHECK(store->status().error == Error::store_unavailable);
    CHECK(store->status().text == "cannot read and write the file: Permission denied");
    ::chmod(f.options.path.c_str(), 0600);
    CHECK(test::eventually([&] { return store->status().is_available(); }));
    CHECK(store->status().text == "");
    CHECK(test::scan_all(*store, {}).size() == 100);
}

TEST_CASE("what is no database is refused, and left as it is", "[store][opening]") {
    test::StoreFixture f;
    for (const std::string& content :
         {std::string(10'000, 'x'), std::string("SQLite format 3\0 and no more", 28),
          std::string(100, '\0')}) {
        write_file(f.options.path, content);
        auto store = f.open();
        CHECK(store->status().error == Error::store_corrupt);
        CHECK_FALSE(store->status().text.empty());
        CHECK(test::commit(*store, DocumentBatch().put("a", "1")).error() == Error::store_corrupt);
        store.reset();
        CHECK(read_file(f.options.path) == content);
    }
}

TEST_CASE("an end that was none is noticed, and the file read through", "[store][opening]") {
    test::StoreFixture f;
    fill(f);
    std::uint64_t version = 0;
    std::string left;
    {
        auto store = f.open_well();
        version = test::commit(*store, DocumentBatch().put("last", "1")).value().version;
        left = f.copy_files("left");
    }
    f.options.path = left;
    auto store = f.open_well();
    CHECK(f.log.count("was_closed_well=false was_checked=true") == 1);
    CHECK(test::scan_all(*store, {}).size() == 101);
    // No version comes again, not even one whose batch the machine might have forgotten.
    CHECK(test::commit(*store, DocumentBatch().put("a", "1")).value().version >
          version + (std::uint64_t{1} << 31));
}

TEST_CASE("damage is found before a file that was left open is used", "[store][opening]") {
    test::StoreFixture f;
    fill(f);
    damage(f.options.path);
    write_file(f.beside("-wal"), "left over");
    auto store = f.open();
    CHECK(store->status().error == Error::store_corrupt);
    CHECK(store->status().text == "the file is damaged");
    CHECK(test::get(*store, "k1").error() == Error::store_corrupt);
}

TEST_CASE("a file too large to be read through is opened without", "[store][opening]") {
    test::StoreFixture f;
    fill(f);
    write_file(f.beside("-wal"), "left over");
    f.options.check_below_bytes = 1000;
    (void)f.open_well();
    CHECK(f.log.count("was_closed_well=false was_checked=false") == 1);
}

TEST_CASE("a file is not read through for nobody", "[store][opening]") {
    test::StoreFixture f;
    {
        DocumentBatch many;
        for (int i = 0; i < 1'000; ++i) many.put("k" + std::to_string(i), "x");
        CHECK(test::commit(*f.open_well(), std::move(many)));
    }
    std::optional<store::sqlite::FileLock> lock;
    store::sqlite::OpeningRules rules;
    rules.must_check = true;
    rules.is_unwanted = [] { return true; };
    const auto given_up = store::sqlite::open_file(f.options, f.options.path, rules, lock);
    REQUIRE_FALSE(given_up);
    CHECK(given_up.error().text == "SQLite: interrupted");
    rules.is_unwanted = [] { return false; };
    CHECK(store::sqlite::open_file(f.options, f.options.path, rules, lock));
}

TEST_CASE("a store that ends as soon as it is open leaves one file and no lock",
          "[store][opening]") {
    test::StoreFixture f;
    for (int i = 0; i < 40; ++i) {
        f.open_well().reset();
        REQUIRE_FALSE(f.exists("-wal"));
    }
    // The moment at which close() says that it is over is the moment at which it is.
    for (int i = 0; i < 40; ++i) {
        auto store = f.open_well();
        test::close(*store);
        REQUIRE_FALSE(f.exists("-wal"));
        REQUIRE(f.open()->status().is_available());
    }
}

TEST_CASE("damage that is met while reading takes the store out of use", "[store][opening]") {
    test::StoreFixture f;
    fill(f);
    damage(f.options.path);
    // Closed well, and so taken on trust.
    auto store = f.open();
    const auto read = test::scan(*store, {});
    REQUIRE_FALSE(read);
    CHECK(read.error() == Error::store_corrupt);
    CHECK(test::eventually([&] { return store->status().error == Error::store_corrupt; }));
    CHECK(test::eventually([&] {
        return test::commit(*store, DocumentBatch().put("a", "1")).error() == Error::store_corrupt;
    }));
    // It reads the file through before it trusts it again, and does not.
    CHECK_FALSE(test::eventually([&] { return store->status().is_available(); },
                                 std::chrono::milliseconds(50)));
}
