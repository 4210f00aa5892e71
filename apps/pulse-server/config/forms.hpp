// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What single values of text have to look like. Each function says what is wrong with one, for the
// person who wrote it, or nothing; none of them needs a file, a name server or the network.
#pragma once

#include <string>
#include <string_view>

namespace pulse::server {

/// A path as it stands in a request line, without query: visible ASCII, beginning with '/'.
[[nodiscard]] std::string find_path_problem(std::string_view path);
/// RFC 6454 §6.2: scheme "://" host [":" port], in the form a browser sends.
[[nodiscard]] bool is_origin(std::string_view origin);
/// An IP address in the one form that the addresses of peers have when they are compared with it.
[[nodiscard]] std::string find_address_problem(std::string_view address);
/// A field name of RFC 9110 §5.1.
[[nodiscard]] std::string find_header_problem(std::string_view header);
/// "fact=header".
[[nodiscard]] std::string find_fact_problem(std::string_view fact);
/// Degrees on one axis, at most `limit` either way.
[[nodiscard]] std::string find_degrees_problem(std::string_view degrees, double limit);
/// http or https, a host, perhaps a port and a path; no slash at the end, nothing behind the path.
[[nodiscard]] std::string find_base_url_problem(std::string_view url);
/// What `roblox.master_keys` holds. Quotes nothing of it.
[[nodiscard]] std::string find_master_keys_problem(std::string_view keys);

}  // namespace pulse::server
