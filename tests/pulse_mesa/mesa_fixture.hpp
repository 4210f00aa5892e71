// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A Mesa server over connections that are all in memory: the test is the loop, the clock and the
// clients.
#pragma once

#include "pulse_core/native/native_fixture.hpp"
#include "support/catch.hpp"
#include "support/hub_fixture.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pulse/mesa.hpp>

namespace pulse::test {

/// A client of a server under test.
class MesaPeer {
  public:
    MesaPeer(mesa::Server& server, core::Lane& lane, std::string path = "/")
        : connection(std::make_unique<FakeConnection>(lane)), path_(std::move(path)) {
        core::OpenRequest request;
        request.path = path_;
        request.peer = connection->peer();
        request.header = [](std::string_view) { return std::string_view{}; };
        refusal = server.dialect().admit(request);
        if (refusal) return;
        conversation = server.dialect().open(*connection, request);
        conversation->on_open();
    }
    ~MesaPeer() { leave(1006); }
    MesaPeer(const MesaPeer&) = delete;
    MesaPeer& operator=(const MesaPeer&) = delete;

    void say(std::string_view text, core::MessageKind kind = core::MessageKind::text) {
        if (!connection->close_code) conversation->on_message(protocol::as_bytes(text), kind);
    }
    /// The socket ends.
    void leave(std::uint16_t code, std::string_view reason = {}) {
        if (conversation == nullptr) return;
        conversation->on_close({code, reason, true});
        connection->expire();
        conversation.reset();
    }
    /// What came since the last call; every frame is text.
    [[nodiscard]] std::vector<std::string> take() {
        connection->lane().flush();
        std::vector<std::string> texts;
        for (SentMessage& message : connection->take()) {
            CHECK(message.kind == core::MessageKind::text);
            texts.push_back(std::move(message.bytes));
        }
        return texts;
    }

    std::unique_ptr<FakeConnection> connection;
    std::unique_ptr<core::Conversation> conversation;
    std::optional<core::Refusal> refusal;

  private:
    std::string path_;
};

using Texts = std::vector<std::string>;

/// Lets in everybody under the id that the data say, as {"id": …}.
inline void accept_everybody(mesa::Server& server) {
    server.on_connection([](const mesa::ClientPtr& client) {
        client->authenticate([](std::string_view data, mesa::AuthDone done) {
            const auto begin = data.find(':') + 1;
            const auto end = data.find_first_of(",}", begin);
            const std::string id(data.substr(begin, end - begin));
            done({mesa::Id::from_json(id), R"({"id":)" + id + "}"});
        });
    });
}

inline std::string log_in(std::string_view id_json) {
    return R"({"op":2,"d":{"id":)" + std::string(id_json) + "}}";
}

class MesaFixture : public HubFixture {
  public:
    using HubFixture::HubFixture;
    void pass(std::chrono::milliseconds time) {
        clock.advance(time);
        flush();
    }
};

}  // namespace pulse::test
