// SPDX-License-Identifier: MIT OR Apache-2.0
//
// In place of the generated file, in builds without the page.
#include "ui_assets.hpp"

namespace pulse::server {

UiAssets embedded_ui() noexcept { return UiAssets({}); }

}  // namespace pulse::server
