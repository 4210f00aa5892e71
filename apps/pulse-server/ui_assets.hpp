// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The files of the web pages, as the build put them into the program.
#pragma once

#include <span>
#include <string_view>

namespace pulse::server {

struct UiAsset {
    std::string_view path;  ///< as requested: "/", "/assets/pulse-1a2b3c4d5e.js"
    std::string_view content_type;
    std::string_view bytes;
    std::string_view gzip_bytes;  ///< empty where gzip does not make it smaller
    /// Strong, quotes included. The gzip form is another representation and has one of its own
    /// (RFC 9110 section 8.8.3.3).
    std::string_view etag;
    std::string_view gzip_etag;
    bool is_immutable = false;  ///< named by its content: never changes under this path
};

/// Files by path. A view: what it was made of outlives it. **Immutable**.
class UiAssets {
  public:
    explicit UiAssets(std::span<const UiAsset> assets) noexcept : assets_(assets) {}

    /// Of exactly this path; null when there is none.
    [[nodiscard]] const UiAsset* find(std::string_view path) const noexcept {
        for (const UiAsset& asset : assets_) {
            if (asset.path == path) return &asset;
        }
        return nullptr;
    }
    /// Nothing is in a build without the page (PULSE_WITH_UI=OFF).
    [[nodiscard]] bool empty() const noexcept { return assets_.empty(); }
    [[nodiscard]] std::span<const UiAsset> all() const noexcept { return assets_; }

  private:
    std::span<const UiAsset> assets_;
};

/// What this program carries; lives as long as the program.
[[nodiscard]] UiAssets embedded_ui() noexcept;
/// The demo pages of the rooms, likewise: "/" is their index.
[[nodiscard]] UiAssets embedded_rooms_pages() noexcept;

}  // namespace pulse::server
