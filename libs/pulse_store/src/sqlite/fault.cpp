// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sqlite/fault.hpp"

#include <cerrno>
#include <exception>
#include <utility>

#include <sqlite3.h>

namespace pulse::store::sqlite {

namespace {

std::string describe_errno(int number) { return std::generic_category().message(number); }

Fault fault_of(const SQLite::Exception& exception, sqlite3* db) {
    using core::Error;
    // What of the system's lies behind it; SQLite keeps it for its own I/O errors only.
    const int number = db != nullptr ? sqlite3_system_errno(db) : 0;
    const std::string why = number != 0 ? ": " + describe_errno(number) : std::string();
    switch (exception.getErrorCode()) {
        case SQLITE_FULL:
            return make_fault(Error::store_full,
                              "no space left on the disk, or the file has reached its limit",
                              Remedy::wait);
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return make_fault(Error::store_unavailable, "another program keeps the file locked",
                              Remedy::wait);
        case SQLITE_READONLY:
            return make_fault(Error::store_unavailable, "the file or its folder is read-only");
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return make_fault(Error::store_unavailable, "cannot open the file" + why);
        case SQLITE_CORRUPT:
        case SQLITE_FORMAT:
            return make_fault(Error::store_corrupt, "the file is damaged", Remedy::check);
        case SQLITE_NOTADB:
            return make_fault(Error::store_corrupt, "the file is no database", Remedy::check);
        case SQLITE_IOERR:
            if (number == ENOSPC || number == EDQUOT) {
                return make_fault(Error::store_full, "no space left on the disk");
            }
            return make_fault(Error::store_unavailable, "input or output error" + why);
        default:
            return make_fault(Error::store_unavailable,
                              std::string("SQLite: ") + exception.getErrorStr());
    }
}

}  // namespace

Fault make_fault(core::Error error, std::string text, Remedy remedy) {
    return {make_error_code(error), std::move(text), remedy};
}

Fault system_fault(std::string_view what, int number) {
    const bool is_full = number == ENOSPC || number == EDQUOT;
    return make_fault(is_full ? core::Error::store_full : core::Error::store_unavailable,
                      std::string(what) + ": " + describe_errno(number));
}

Fault current_fault(sqlite3* db) noexcept {
    try {
        throw;
    } catch (const SQLite::Exception& exception) {
        return fault_of(exception, db);
    } catch (const std::exception& exception) {
        return make_fault(core::Error::store_unavailable, exception.what());
    }
}

}  // namespace pulse::store::sqlite
