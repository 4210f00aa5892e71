// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "fake_bridge.hpp"
#include "held_store.hpp"
#include "support/manual_clock.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include <pulse/core/document_store.hpp>
#include <pulse/core/log.hpp>
#include <pulse/core/rng.hpp>
#include <pulse/roblox/access_book.hpp>
#include <pulse/roblox/universe_registry.hpp>

namespace pulse::test {

/// Keeps everything it is told, to be searched. **Thread-safe.**
class TextLog final : public core::Log {
  public:
    using Log::write;
    [[nodiscard]] bool enabled(core::LogLevel) const noexcept override { return true; }
    void write(core::LogLevel, std::string_view event,
               std::span<const core::LogField> fields) noexcept override {
        const std::lock_guard lock(mutex_);
        text_ += event;
        for (const core::LogField& field : fields) {
            text_ += ' ';
            text_ += field.key;
            text_ += '=';
            if (const auto* text = std::get_if<std::string_view>(&field.value)) text_ += *text;
            if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
                text_ += std::to_string(*number);
            }
        }
        text_ += '\n';
    }
    [[nodiscard]] std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }

  private:
    mutable std::mutex mutex_;
    std::string text_;
};

inline constexpr std::string_view kMasterOne = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
inline constexpr std::string_view kMasterTwo = "k2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
inline constexpr std::string_view kAdminKey = "the-admin-key-of-this-test";
inline constexpr roblox::UniverseId kGame{2'745'313'133};
inline constexpr roblox::UniverseId kOther{7};

/// A store, and registries on it: one after another, as a server that is restarted.
struct RegistryFixture {
    RegistryFixture()
        : store(std::make_unique<HeldStore>(core::make_memory_document_store(clock))) {
        start();
    }

    /// Forgets everything that is not in the store.
    void start(std::string_view masters = kMasterOne, roblox::RegistryOptions options = {}) {
        registry.reset();
        book.reset();
        bridge = std::make_unique<FakeBridge>();
        vault.emplace(roblox::KeyVault::parse(masters).value());
        book = roblox::AccessBook::make({std::string(kAdminKey)}, clock, rng).value();
        registry = std::make_unique<roblox::UniverseRegistry>(
            std::move(options),
            roblox::RegistryParts{*store, *vault, *book, *bridge, clock, rng, log});
        registry->load([this](core::Result<roblox::LoadReport> result) {
            loaded = result.value_or(roblox::LoadReport{});
            load_error = result ? std::error_code() : result.error();
        });
    }
    /// The memory engine answers before the call returns.
    template <typename Call>
    std::error_code result_of(Call&& call) {
        // Shared: what has not come yet may come later.
        const auto answer = std::make_shared<std::optional<core::Result<void>>>();
        call([answer](core::Result<void> result) { *answer = result; });
        if (!*answer) return std::make_error_code(std::errc::operation_in_progress);
        return **answer ? std::error_code() : (*answer)->error();
    }
    std::error_code add(roblox::UniverseId id, std::string_view key) {
        return result_of([&](auto done) {
            registry->add(id, {}, roblox::Secret(key),
                          {.state = roblox::KeyState::valid,
                           .checked_at_ms = clock.unix_ms(),
                           .owner = 77,
                           .http = 200},
                          done);
        });
    }
    std::error_code set_key(roblox::UniverseId id, std::optional<unsigned> slot,
                            std::string_view key) {
        return result_of(
            [&](auto done) { registry->set_key(id, slot, roblox::Secret(key), {}, {}, done); });
    }
    /// `lifetime` 0 = without end.
    std::string token(roblox::Rights rights, std::vector<roblox::UniverseId> universes = {kGame},
                      std::chrono::milliseconds lifetime = {}) {
        std::string text;
        const auto ms = static_cast<std::uint64_t>(lifetime.count());
        registry->create_token({.label = "test",
                                .rights = rights,
                                .universes = universes,
                                .expires_at_ms = ms == 0 ? 0 : clock.unix_ms() + ms},
                               [&](core::Result<roblox::NewToken> token) {
                                   if (token) text = token->text;
                               });
        return text;
    }
    void advance(std::chrono::nanoseconds by) {
        clock.advance(by);
        bridge->set_time(clock.unix_ms());
    }

    ManualClock clock;
    core::SystemRng rng;
    TextLog log;
    std::unique_ptr<HeldStore> store;
    std::optional<roblox::KeyVault> vault;
    std::unique_ptr<FakeBridge> bridge;
    std::unique_ptr<roblox::AccessBook> book;
    std::unique_ptr<roblox::UniverseRegistry> registry;
    roblox::LoadReport loaded;
    std::error_code load_error;
};

}  // namespace pulse::test
