// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that uses the Roblox library's bytes: what it links has to come along.
#include <pulse/roblox/frame.hpp>
#include <pulse/roblox/key_record.hpp>

int main() {
    using namespace pulse::roblox;
    const std::string text = encode_batch("abc123", 1, {{"chat", "1"}});
    const auto frame = decode_frame(text);
    if (!frame || decode_items(*frame)->size() != 1) return 1;
    pulse::core::SystemRng rng;
    const auto vault = KeyVault::parse("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    if (!vault) return 1;
    const auto record = vault->seal({7}, "key", rng);
    return record && vault->open({7}, *record)->view() == "key" ? 0 : 1;
}
