// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Compares what each client got with what was published.
//
// A client's story is a list of events. It is right when, within what the client was told:
//   - positions go up by one, but behind a gap that it was told of;
//   - no position, and no text, comes twice;
//   - the same position has the same text for everybody;
//   - every publisher's texts come in the order in which they were published;
//   - every publication that was acknowledged came, unless a gap was told;
//   - nothing came that nobody published.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pulse::test {

struct Position {
    std::uint64_t offset = 0;
    std::string epoch;
    friend auto operator<=>(const Position&, const Position&) = default;
};

/// What a client was given or told.
struct ClientEvent {
    enum class Kind : std::uint8_t {
        publication,  ///< `text` at `position`
        started,      ///< it stands at `position`; whatever was before is not its affair
        recovered,    ///< it is back, nothing is missing: what was missed follows
        gap,          ///< something may be missing; it stands at `position`
    };
    Kind kind = Kind::publication;
    Position position{};
    std::string text{};
};

/// Texts are "<publisher>:<number>".
struct Story {
    std::string client;
    std::vector<ClientEvent> events;
};

struct Published {
    std::set<std::string> tried;         ///< all that may come
    std::set<std::string> acknowledged;  ///< of these, what has to
};

struct Verdict {
    std::vector<std::string> problems;
    std::uint64_t publications = 0;  ///< given to clients
    std::uint64_t gaps = 0;          ///< told to clients
    std::uint64_t recoveries = 0;
};

[[nodiscard]] Verdict check(const std::vector<Story>& stories, const Published& published);

}  // namespace pulse::test
