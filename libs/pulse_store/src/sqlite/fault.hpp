// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What went wrong with the file, in our words. SQLiteCpp throws; its exceptions end where one of
// these is made of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <SQLiteCpp/SQLiteCpp.h>

#include <pulse/core/error.hpp>

namespace pulse::store::sqlite {

/// What may help.
enum class Remedy : std::uint8_t {
    wait,     ///< nothing is wrong with file or connection: the next write may work
    reopen,   ///< close the file and open it again later
    check,    ///< the same, and read it through before it is trusted
    restore,  ///< keep hold of the file: what lies at its path now is another one
};

struct Fault {
    std::error_code error;
    std::string text;  ///< for operators; no path, no content
    Remedy remedy = Remedy::reopen;
};

[[nodiscard]] Fault make_fault(core::Error error, std::string text, Remedy remedy = Remedy::reopen);
/// "cannot make the folder: Permission denied"
[[nodiscard]] Fault system_fault(std::string_view what, int number);
/// Of the exception being handled; to be called in a catch (...). `db` is the connection it came
/// from, or null.
[[nodiscard]] Fault current_fault(sqlite3* db) noexcept;

}  // namespace pulse::store::sqlite
