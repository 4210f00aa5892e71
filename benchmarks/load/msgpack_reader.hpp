// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pulse::load {

/// Pull reader for the MessagePack subset in Pulse frames. Deliberately not the server's own codec:
/// a check that shared its code would share its mistakes. Every read past the end or of another
/// type gives nullopt and leaves the position undefined. Loop-bound.
class MsgpackReader {
  public:
    explicit MsgpackReader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] std::optional<std::uint32_t> read_map();
    [[nodiscard]] std::optional<std::string_view> read_string();
    [[nodiscard]] std::optional<std::string_view> read_binary();
    [[nodiscard]] std::optional<std::uint64_t> read_unsigned();
    /// Skips one value with all that it contains.
    [[nodiscard]] bool skip();
    [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

  private:
    [[nodiscard]] std::optional<unsigned> peek() const;
    [[nodiscard]] std::optional<std::uint64_t> big_endian(std::size_t bytes);
    [[nodiscard]] std::optional<std::string_view> take(std::uint64_t bytes);
    [[nodiscard]] bool skip_container(unsigned type, std::uint64_t& pending);

    std::string_view bytes_;
    std::size_t at_ = 0;
};

}  // namespace pulse::load
