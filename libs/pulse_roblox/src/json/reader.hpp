// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads JSON text in one pass without a tree: the caller, who knows the shape, asks for what comes
// next, and values that are only passed on are copied in normal form.
//
// The normal form is what JSON.stringify(JSON.parse(text)) gives, byte for byte: no white space,
// numbers as doubles, members in the order of JavaScript objects (array indices first, ascending;
// of equal keys the last value at the first one's place). The original bridge passes every message
// through that, and receivers compare bytes.
//
// Anything that is not JSON makes the reader fail, for good: later calls return false too. It never
// reads outside the text, and recursion ends at kMaxDepth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pulse::roblox::json {

/// Deepest nesting of arrays and objects.
inline constexpr std::size_t kMaxDepth = 32;

enum class Kind : std::uint8_t { invalid, null, boolean, number, string, array, object };

/// Loop-bound; borrows the text.
class Reader {
  public:
    /// A byte order mark is skipped; text that is not UTF-8 fails at once.
    explicit Reader(std::string_view text) noexcept;

    [[nodiscard]] bool ok() const noexcept { return !has_failed_; }
    /// Whether nothing but white space is left; fails otherwise.
    [[nodiscard]] bool finish() noexcept;

    /// What comes next, by its first character alone.
    [[nodiscard]] Kind peek() noexcept;

    /// Containers: enter, then call next_*() before each element until it returns false: at the end
    /// or, when !ok(), because of an error.
    [[nodiscard]] bool enter_array() noexcept;
    [[nodiscard]] bool next_item() noexcept;
    [[nodiscard]] bool enter_object() noexcept;
    [[nodiscard]] bool next_member(std::string& key);

    /// Decoded. A surrogate that stands alone is no character and fails.
    [[nodiscard]] bool read_string(std::string& out);
    /// Fails on values of other kinds, and on numbers that are no integer in 0 … 2^53-1.
    [[nodiscard]] bool read_uint(std::uint64_t& out) noexcept;
    [[nodiscard]] bool read_number(double& out) noexcept;
    [[nodiscard]] bool read_bool(bool& out) noexcept;

    [[nodiscard]] bool skip();
    /// Appends the next value in normal form. At most six times as long as it was (numbers like
    /// 1e20), and usually not longer.
    [[nodiscard]] bool copy(std::string& out);
    /// The next value in normal form, instead of what `out` was: grown once, to what it takes, for
    /// values that are kept.
    [[nodiscard]] bool take(std::string& out);

  private:
    enum class Lone : std::uint8_t { fails, keeps };  // surrogates without their other half
    struct Member {
        std::size_t begin;  // of the key, in the output
        std::size_t colon;
        std::size_t end;
    };

    bool fail() noexcept {
        has_failed_ = true;
        return false;
    }
    [[nodiscard]] bool enter(char open) noexcept;
    [[nodiscard]] bool next(char close) noexcept;
    void skip_space() noexcept;
    [[nodiscard]] bool take_word(std::string_view word) noexcept;
    [[nodiscard]] std::string_view take_number() noexcept;
    [[nodiscard]] bool take_hex4(unsigned& out) noexcept;
    template <typename Sink>
    [[nodiscard]] bool take_string(Sink& sink);
    [[nodiscard]] bool copy_string(std::string& out);
    [[nodiscard]] bool copy_array(std::string& out);
    [[nodiscard]] bool copy_object(std::string& out);
    [[nodiscard]] static bool is_in_order(const std::string& out,
                                          const std::vector<Member>& members, std::size_t first);
    static void order_members(std::string& out, std::size_t begin,
                              const std::vector<Member>& members, std::size_t first);

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    bool is_first_ = false;  // the container entered last has had no element yet
    bool has_failed_ = false;
    std::string scratch_;
    std::vector<Member> members_;  // of the objects being copied, innermost last
};

/// The whole of `text` in normal form; empty when it is not JSON.
[[nodiscard]] std::string normalise(std::string_view text);

}  // namespace pulse::roblox::json
