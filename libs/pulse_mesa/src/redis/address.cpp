// SPDX-License-Identifier: MIT OR Apache-2.0
#include <charconv>

#include <pulse/core/http_text.hpp>
#include <pulse/mesa/error.hpp>
#include <pulse/mesa/redis.hpp>

namespace pulse::mesa {

namespace {

template <typename Number>
bool read_number(std::string_view text, Number& out) {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, out);
    return error == std::errc{} && at == end;
}

bool read_host(std::string_view text, RedisOptions& options) {
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return false;
        options.host = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
    } else {
        const std::size_t colon = text.find(':');
        options.host = text.substr(0, colon);
        text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    }
    if (options.host.empty()) options.host = "127.0.0.1";
    if (text.empty()) return true;
    return text.front() == ':' && read_number(text.substr(1), options.port) && options.port != 0;
}

bool read_credentials(std::string_view text, RedisOptions& options) {
    const std::size_t colon = text.find(':');
    const auto username = core::http::percent_decode(text.substr(0, colon));
    const auto password = core::http::percent_decode(
        colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1));
    if (!username || !password) return false;
    options.username = *username;
    options.password = *password;
    return true;
}

}  // namespace

core::Result<RedisOptions> parse_redis_address(std::string_view address) {
    constexpr std::string_view kPlain = "redis://";
    constexpr std::string_view kTls = "rediss://";
    if (address.starts_with(kTls)) return tl::unexpected(make_error_code(Error::not_supported));
    if (address.starts_with(kPlain)) address.remove_prefix(kPlain.size());
    const auto wrong = [] { return tl::unexpected(make_error_code(Error::invalid_address)); };
    RedisOptions options;
    if (const std::size_t at = address.rfind('@'); at != std::string_view::npos) {
        if (!read_credentials(address.substr(0, at), options)) return wrong();
        address.remove_prefix(at + 1);
    }
    address = address.substr(0, address.find('?'));
    if (const std::size_t slash = address.find('/'); slash != std::string_view::npos) {
        const std::string_view database = address.substr(slash + 1);
        if (!database.empty() && !read_number(database, options.database)) return wrong();
        address = address.substr(0, slash);
    }
    if (address.find_first_of(" \t\r\n") != std::string_view::npos) return wrong();
    if (!read_host(address, options)) return wrong();
    return options;
}

}  // namespace pulse::mesa
