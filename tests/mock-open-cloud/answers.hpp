// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Open Cloud's error bodies, in the shapes its documentation gives.
#pragma once

#include "http.hpp"
#include "limits.hpp"

#include <cstdint>
#include <string_view>

namespace pulse::mock {

enum class Api : std::uint8_t { v1, v2, introspect, none };

/// The documented code of a status, e.g. "RESOURCE_EXHAUSTED"; "" when none is documented.
[[nodiscard]] std::string_view code_of(int status) noexcept;

/// `{"errors":[{"code":0,"message":…}]}`: authentication and routing.
[[nodiscard]] HttpResponse gateway_error(int status, std::string_view message);

/// v1's forms a and b, v2's own. The code is the status's unless given.
[[nodiscard]] HttpResponse api_error(Api api, ErrorForm v1_form, int status,
                                     std::string_view message, std::string_view code = {});

/// v1's form c: a body that does not fit its schema.
[[nodiscard]] HttpResponse validation_error(std::string_view field, std::string_view message,
                                            std::uint64_t trace);

/// What a proxy in front of a broken service says.
[[nodiscard]] HttpResponse html_error(int status);

}  // namespace pulse::mock
