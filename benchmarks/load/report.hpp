// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulse::load {

/// The outcome of a run: named values in order, as one line of JSON and as text for people.
class Report {
  public:
    void add(std::string_view name, double value);
    void add(std::string_view name, std::string_view text);
    void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }
    void add(std::string_view name, bool value);
    template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>) void add(std::string_view name, Number value) {
        entries_.emplace_back(name, std::to_string(value));
    }

    /// Whatever makes the run a failure; the exit code follows.
    void fail(std::string_view why) { failures_.emplace_back(why); }
    [[nodiscard]] bool ok() const { return failures_.empty(); }

    [[nodiscard]] std::string json() const;
    [[nodiscard]] std::string text() const;

  private:
    std::vector<std::pair<std::string, std::string>> entries_;  // value ready as JSON
    std::vector<std::string> failures_;
};

}  // namespace pulse::load
