// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In place of the generated files, in builds without the pages.
#include "ui_assets.hpp"

namespace pulse::server {

UiAssets embedded_ui() noexcept { return UiAssets({}); }

UiAssets embedded_rooms_pages() noexcept { return UiAssets({}); }

}  // namespace pulse::server
