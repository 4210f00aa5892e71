// SPDX-License-Identifier: MIT OR Apache-2.0
#include <pulse/core/error_category.hpp>
#include <pulse/redis/error.hpp>

namespace pulse::redis {

namespace {

using core::Condition;

constexpr core::ErrorRow<Error> kErrors[] = {
    {Error::invalid_address, Condition::invalid_argument, "not an address of a Redis"},
};

static_assert(core::has_every_error(kErrors, Error::invalid_address));

}  // namespace

const std::error_category& error_category() noexcept {
    static const core::ErrorCategory<Error> category{"pulse.redis", kErrors};
    return category;
}

}  // namespace pulse::redis
