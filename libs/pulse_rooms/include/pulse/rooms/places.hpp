// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where on Earth addresses are, as far as a file tells: the form in which databases of places are
// published as text.
//
//     network,country,city,latitude,longitude
//     192.0.2.0/24,IS,Reykjavík,64.14,-21.94
//     2001:db8::/32,NZ,"Auckland, Central",-36.85,174.76
//
// The first line names the facts, as connectionDetails will. Fields may stand in quotes (RFC 4180);
// an empty one says nothing. Networks may lie in one another: the smallest counts. Of a network
// that is there twice the last line counts. Empty lines, and lines that begin with '#', say
// nothing.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include <pulse/core/connection.hpp>

namespace pulse::rooms {

/// **Immutable.** Holds the text it is made of, and 24 bytes for each network and each gap between
/// two.
class Places {
  public:
    /// More is refused: the largest files about are some 250 MB.
    static constexpr std::size_t kMaxBytes = std::size_t{512} * 1024 * 1024;
    static constexpr std::size_t kMaxNetworks = 16'000'000;
    static constexpr std::size_t kMaxFacts = 32;  ///< names in the first line
    static constexpr std::size_t kMaxLineBytes = 4096;

    struct Problem {
        std::size_t line = 0;
        std::string text;
    };
    [[nodiscard]] static tl::expected<std::shared_ptr<const Places>, Problem> parse(
        std::string text);

    /// Name and value of everything the file tells of an address. Takes some twenty comparisons.
    using Facts = std::vector<std::pair<std::string, std::string>>;
    [[nodiscard]] Facts find(const core::PeerAddress& address) const;
    [[nodiscard]] std::size_t networks() const noexcept { return networks_; }

    /// An address as text, without port or zone; IPv4 in IPv6 becomes IPv4. False when it is none.
    [[nodiscard]] static bool read_address(std::string_view text, core::PeerAddress& out);

  private:
    /// As a number of 128 bits; IPv4 as ::ffff:a.b.c.d.
    struct Address {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const Address&) const = default;
    };
    /// From here on the line at `line` holds, until the next one begins.
    struct Stretch {
        Address begin;
        std::uint32_t line;
    };
    struct Network;
    static constexpr std::uint32_t kNowhere = UINT32_MAX;

    static Address number_of(const core::PeerAddress& address) noexcept;
    static bool read_network(std::string_view text, Network& out);
    void flatten(std::vector<Network>& all);
    void begin_stretch(Address at, std::uint32_t line);

    std::string text_;
    std::vector<std::string> names_;
    std::vector<Stretch> stretches_;
    std::size_t networks_ = 0;
};

}  // namespace pulse::rooms
