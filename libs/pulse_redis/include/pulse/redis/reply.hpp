// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

struct redisReply;

namespace pulse::redis {

/// What Redis said, borrowed for the length of a call.
class Reply {
  public:
    explicit Reply(const redisReply& reply) noexcept : reply_(&reply) {}

    [[nodiscard]] bool is_nil() const noexcept;
    [[nodiscard]] bool is_error() const noexcept;
    [[nodiscard]] bool is_array() const noexcept;
    /// Of a string, a status or an error; empty for others.
    [[nodiscard]] std::string_view text() const noexcept;
    /// Of an integer; 0 for others.
    [[nodiscard]] std::int64_t integer() const noexcept;
    /// Elements of an array; 0 for others.
    [[nodiscard]] std::size_t size() const noexcept;
    /// Precondition: index < size().
    [[nodiscard]] Reply operator[](std::size_t index) const noexcept;

  private:
    const redisReply* reply_;
};

/// The value of `name:value` in what INFO says; empty when it is not there.
[[nodiscard]] std::string_view info_field(std::string_view info, std::string_view name) noexcept;

}  // namespace pulse::redis
