// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What JetStream answers, and what nodes write there: of whatever comes, only what makes sense is
// taken.
#include "nats/nats_address.hpp"
#include "nats/nats_api.hpp"
#include "nats/nats_lease_words.hpp"
#include "nats/nats_names.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pulse::cluster;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const nats_api::StreamSetup setup{"S", "s.", "l.", {}, 1};
    (void)nats_api::read_ack(text);
    (void)nats_api::read_stream_info(text, setup);
    (void)nats_api::read_stored(text);
    (void)nats_api::read_consumer_info(text);
    (void)nats_api::parse_time(text);
    if (const auto delivery = nats_api::read_delivery(text)) {
        require(text.find(delivery->consumer) != std::string_view::npos);
    }
    (void)nats_lease::read_stream_info(text, "s");
    const auto key = nats_lease::read_key(text);
    if (key) require(nats_lease::read_key(nats_lease::write(*key))->key == key->key);
    const auto session = nats_lease::read_session(text);
    if (session) require(nats_lease::read_session(nats_lease::write(*session)).has_value());
    const auto run = nats_lease::read_run(text);
    if (run) require(nats_lease::read_run(nats_lease::write(*run))->run == run->run);
    (void)parse_nats_address(text);
    for (const char c : subject_token(text)) {
        require(c != '.' && c != '*' && c != '>' && c > ' ' && c != '\x7f');
    }
    return 0;
}
