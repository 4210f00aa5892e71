// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pulse/core/dialect.hpp>

namespace pulse::test {

/// A dialect made of a test's lambdas, which run on the connections' loops. Set before connecting.
class HookDialect final : public core::Dialect {
  public:
    std::function<std::optional<core::Refusal>(const core::OpenRequest&)> admits;
    std::function<void(core::Connection&, const core::OpenRequest&)> opening;
    std::function<void(core::Connection&)> opened;
    std::function<void(core::Connection&, core::ByteView, core::MessageKind)> got_message;
    std::function<void(core::Connection&)> ticked;
    std::function<void(core::Connection&, core::CloseReason)> closing;
    std::function<void(const core::CloseEvent&)> closed;
    std::function<void()> destroyed;
    std::vector<std::string_view> protocols;
    bool judges_origin = false;

    [[nodiscard]] std::string_view name() const noexcept override { return "hooks"; }
    [[nodiscard]] std::span<const std::string_view> subprotocols() const noexcept override {
        return protocols;
    }
    [[nodiscard]] bool checks_origin() const noexcept override { return judges_origin; }
    [[nodiscard]] std::optional<core::Refusal> admit(const core::OpenRequest& request) override {
        return admits ? admits(request) : std::nullopt;
    }
    [[nodiscard]] std::unique_ptr<core::Conversation> open(
        core::Connection& connection, const core::OpenRequest& request) override {
        if (opening) opening(connection, request);
        return std::make_unique<Hooked>(*this, connection);
    }

  private:
    class Hooked final : public core::Conversation {
      public:
        Hooked(HookDialect& hooks, core::Connection& connection)
            : hooks_(hooks), connection_(connection) {}
        ~Hooked() override {
            if (hooks_.destroyed) hooks_.destroyed();
        }
        void on_open() override {
            if (hooks_.opened) hooks_.opened(connection_);
        }
        void on_message(core::ByteView message, core::MessageKind kind) override {
            if (hooks_.got_message) hooks_.got_message(connection_, message, kind);
        }
        void on_tick(core::MonotonicTime) override {
            if (hooks_.ticked) hooks_.ticked(connection_);
        }
        void on_closing(core::CloseReason reason) override {
            if (hooks_.closing) hooks_.closing(connection_, reason);
        }
        void on_close(const core::CloseEvent& event) override {
            if (hooks_.closed) hooks_.closed(event);
        }

      private:
        HookDialect& hooks_;
        core::Connection& connection_;
    };
};

}  // namespace pulse::test
