// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The HTTP words of the mock, named in one place.
#pragma once

#include <pulse/core/http.hpp>

namespace pulse::mock {

using core::HttpRequest;
using core::HttpResponder;
using core::HttpResponse;
using core::Route;

}  // namespace pulse::mock
