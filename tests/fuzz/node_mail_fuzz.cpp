// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Mail between two nodes, of which one says whatever the input has. An input is a row of pieces:
// u16 length, bytes.
//
// Whatever comes: what is handed on was in a piece, none is longer than allowed, and what this node
// has for the other stays within its window.
#include "relay/node_mail.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

namespace {

using namespace pulse::cluster;

void require(bool holds) {
    if (!holds) std::abort();
}

class Carrier final : public MailCarrier {
  public:
    [[nodiscard]] const std::string& node() const noexcept override { return node_; }
    void listen(OnTold on_told) override { told = std::move(on_told); }
    [[nodiscard]] bool tell(const std::string&, const std::string& bytes) override {
        said += bytes.size();
        return true;
    }
    [[nodiscard]] std::size_t unsent_bytes() const noexcept override { return 0; }
    [[nodiscard]] std::size_t max_bytes() const noexcept override { return 512; }

    OnTold told;
    std::size_t said = 0;

  private:
    const std::string node_ = "a";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    MailOptions options;
    options.window_bytes = 2048;
    options.max_piece_bytes = 512;
    options.max_record_bytes = 4096;
    asio::io_context io;
    Carrier carrier;
    const auto mail = std::make_shared<NodeMail>(io, carrier, options);
    std::size_t taken = 0;
    std::vector<Receipt> receipts;
    mail->start({.on_record =
                     [&](const PeerPtr& from, std::string_view record, const Receipt& receipt) {
                         require(from != nullptr && record.size() <= options.max_record_bytes);
                         taken += record.size();
                         if (receipts.size() < 8) receipts.push_back(receipt);
                         if (record.starts_with("echo")) {
                             std::string answer(record.substr(4));
                             mail->send(from, std::move(answer), false);
                         }
                         return !record.starts_with("bad");
                     },
                 .on_broken = [](const PeerPtr&, std::string_view) {},
                 .on_room = [](const PeerPtr&) {},
                 .is_needed = [](const std::string&) { return true; }});
    io.poll();
    io.restart();
    mail->send(mail->peer("b"), "hello", false);
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (rest.size() >= 2 && carrier.told) {
        const std::size_t n = static_cast<std::uint8_t>(rest[0]) |
                              static_cast<std::size_t>(static_cast<std::uint8_t>(rest[1])) << 8;
        rest.remove_prefix(2);
        const std::string_view piece = rest.substr(0, n);
        rest.remove_prefix(piece.size());
        carrier.told(piece);
        if ((n & 1) != 0) receipts.clear();
        io.poll();
        io.restart();
    }
    require(taken <= size);
    receipts.clear();
    mail->close();
    io.poll();
    return 0;
}
