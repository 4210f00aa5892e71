// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "decimal.hpp"
#include "topic.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <pulse/rooms/options.hpp>

namespace pulse::rooms {

/// What a counter holds, in the form that the server's option asks for. A value type.
class Amount {
  public:
    explicit Amount(CounterForm form) {
        if (form == CounterForm::number) value_ = 0.0;
    }

    /// Adds decimal text; nothing changes when the result would be too long.
    [[nodiscard]] bool add(std::string_view decimal);
    /// As stored: text that load() reads back in either form.
    [[nodiscard]] std::string stored() const;
    /// What another form cannot hold (an infinite number, say) becomes 0.
    [[nodiscard]] static Amount load(std::string_view stored, CounterForm form);
    /// As sent: "2.61" with quotes, or 2.61; infinities are null.
    void append_json(std::string& out) const;

  private:
    std::variant<Decimal, double> value_;
};

/// Under the room's lock.
struct Counter {
    std::string id;
    std::uint32_t number;
    TopicPtr topic;
    Amount amount;
    std::optional<Amount> stored{};  ///< what the store has; nothing: it is not there yet
    std::uint64_t set = 0;           ///< the last set of writes that it is in
};

}  // namespace pulse::rooms
