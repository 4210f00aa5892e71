// SPDX-License-Identifier: MIT OR Apache-2.0
#include "connection_contract.hpp"
#include "support/fake_connection.hpp"
#include "support/hub_fixture.hpp"

#include <deque>

using namespace pulse;

namespace {

/// The connection in memory that dialects are tested on; the test is its loop.
class FakeConnectionUnderTest final : public contract::ConnectionUnderTest {
  public:
    [[nodiscard]] core::ConnectionHandle handle() override { return handle_; }
    void turn() override { hub_.flush(); }
    contract::PeerEvent next() override {
        using What = contract::PeerEvent::What;
        for (test::SentMessage& each : connection_.take()) {
            const What what = each.kind == core::MessageKind::text ? What::text : What::binary;
            got_.push_back({what, std::move(each.bytes)});
        }
        if (!got_.empty()) {
            contract::PeerEvent first = std::move(got_.front());
            got_.pop_front();
            return first;
        }
        if (!connection_.close_code) throw std::runtime_error("nothing came");
        return {What::end, connection_.close_text, *connection_.close_code};
    }
    void leave() override { connection_.expire(); }

  private:
    test::HubFixture hub_;
    test::FakeConnection connection_{hub_.lane()};
    core::ConnectionHandle handle_ = connection_.handle();
    std::deque<contract::PeerEvent> got_;
};

}  // namespace

TEST_CASE("the tests' connection in memory keeps the contract", "[contract][connection]") {
    contract::connection_contract([] { return std::make_unique<FakeConnectionUnderTest>(); });
}
