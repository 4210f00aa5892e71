// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [compat]: where documents and deployed servers of the native protocol disagree.
#pragma once

#include "config/row.hpp"

namespace pulse::server {

struct CompatOptions {
    bool documented_error_codes = false;

    bool operator==(const CompatOptions&) const = default;
};

inline constexpr Row<CompatOptions> kCompatRows[] = {
    row<&CompatOptions::documented_error_codes>({
        .name = "documented_error_codes",
        .doc =
            "Answer a repeated subscribe with error 1009, as the protocol document says, instead "
            "of 1002, as deployed servers do.",
        .live = true,
    }),
};

inline constexpr SectionTable<CompatOptions> kCompatSection{
    .name = "compat",
    .doc = "Where documents and deployed servers of the native protocol disagree.",
    .rows = kCompatRows,
};

}  // namespace pulse::server
