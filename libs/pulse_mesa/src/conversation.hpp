// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "connected_client.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <pulse/core/dialect.hpp>

namespace pulse::mesa {

/// Between a connection and its client, which may outlive both. **Loop-bound.**
class MesaConversation final : public core::Conversation {
  public:
    MesaConversation(core::Connection& connection, std::shared_ptr<ConnectedClient> client,
                     std::size_t max_message_bytes)
        : connection_(connection),
          client_(std::move(client)),
          max_message_bytes_(max_message_bytes) {}
    ~MesaConversation() override { client_->closed({}); }

    void on_open() override { client_->open(); }
    void on_message(core::ByteView message, core::MessageKind kind) override;
    [[nodiscard]] std::size_t max_message_bytes() const noexcept override {
        return max_message_bytes_ == 0 ? SIZE_MAX : max_message_bytes_;
    }
    void on_close(const core::CloseEvent& event) override { client_->closed(event); }

  private:
    core::Connection& connection_;
    std::shared_ptr<ConnectedClient> client_;
    std::size_t max_message_bytes_;
};

}  // namespace pulse::mesa
