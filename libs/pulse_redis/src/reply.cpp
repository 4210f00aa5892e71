// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>

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

std::string_view info_field(std::string_view info, std::string_view name) noexcept {
    std::size_t at = 0;
    while (at < info.size()) {
        const std::size_t end = std::min(info.find('\n', at), info.size());
        std::string_view line = info.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
            return line.substr(name.size() + 1);
        }
    }
    return {};
}

}  // namespace pulse::redis
