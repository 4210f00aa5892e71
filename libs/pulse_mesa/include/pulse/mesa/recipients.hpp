// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include <pulse/mesa/id.hpp>

namespace pulse::mesa {

/// Whom a message is for. A value type.
class Recipients {
  public:
    /// Everybody, authenticated or not.
    [[nodiscard]] static Recipients all() { return Recipients(); }
    /// Every connection of these ids; one of them "*": everybody.
    Recipients(std::vector<Id> ids) : ids_(std::move(ids)), is_all_(false) {  // NOLINT
        for (const Id& id : ids_) is_all_ = is_all_ || (!id.is_number() && id.name() == "*");
        if (is_all_) ids_.clear();
    }
    Recipients(std::initializer_list<Id> ids) : Recipients(std::vector<Id>(ids)) {}

    [[nodiscard]] bool is_all() const noexcept { return is_all_; }
    [[nodiscard]] const std::vector<Id>& ids() const noexcept { return ids_; }

  private:
    Recipients() = default;

    std::vector<Id> ids_;
    bool is_all_ = true;
};

}  // namespace pulse::mesa
