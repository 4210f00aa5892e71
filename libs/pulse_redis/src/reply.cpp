// SPDX-License-Identifier: MIT OR Apache-2.0
#include <hiredis/hiredis.h>

#include <pulse/redis/reply.hpp>

namespace pulse::redis {

bool Reply::is_nil() const noexcept { return reply_->type == REDIS_REPLY_NIL; }
bool Reply::is_error() const noexcept { return reply_->type == REDIS_REPLY_ERROR; }
bool Reply::is_array() const noexcept { return reply_->type == REDIS_REPLY_ARRAY; }

std::string_view Reply::text() const noexcept {
    switch (reply_->type) {
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
        case REDIS_REPLY_ERROR:
            return {reply_->str, static_cast<std::size_t>(reply_->len)};
        default:
            return {};
    }
}

std::int64_t Reply::integer() const noexcept {
    return reply_->type == REDIS_REPLY_INTEGER ? reply_->integer : 0;
}

std::size_t Reply::size() const noexcept { return is_array() ? reply_->elements : 0; }

Reply Reply::operator[](std::size_t index) const noexcept { return Reply(*reply_->element[index]); }

}  // namespace pulse::redis
