// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Codec micro-benchmarks. One thread, no socket.
//
//   memcpy/<size>                copy of the encoded frame: the floor of encoding on this machine
//   encode/<size>                publish frame of <size> zero bytes, appended to a reused buffer
//   encode_fresh/<size>          the same into a new buffer each time: the reference's loop
//   encode_delivery/<size>       size and bytes by the fast path, into reused memory
//   encode_ack                   size and bytes by the fast path, into reused memory
//   decode/<size>                the encoded frame as views
//   decode_owned/<size>          to a frame with strings of its own: the reference's loop
//   decode_stream/mixed4096      4,096 frames of all types in one piece through FrameDecoder
//   decode_stream/pieces<n>      the same, n bytes at a time
//   decode_reordered/64B         a publish with `type` last: what the general reader takes
//   codec_roundtrip/256B         encode and decode as views; owned: the reference's loop
//   frame_creation/…             build the owned frame; view: the borrowed one
//   canonicalise/…, json_…/…     presence data; JSON text
//
// "bytes" is the payload for encoding and the whole frame for decoding, as in the reference.
// Channel `test:channel`, no id, no event.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <pulse/protocol/channel_name.hpp>
#include <pulse/protocol/codec.hpp>
#include <pulse/protocol/frame_decoder.hpp>
#include <pulse/protocol/json.hpp>
#include <pulse/protocol/value.hpp>

namespace {

using namespace pulse::protocol;
using Bytes = std::vector<std::byte>;

constexpr std::string_view kChannel = "test:channel";

void count_bytes(benchmark::State& state, std::size_t bytes) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

// ---- Encoding ----------------------------------------------------------------------------------

void copy_frame(benchmark::State& state, std::size_t size) {
    const Bytes frame = encode(FrameView::publish(kChannel, Bytes(size))).bytes;
    Bytes out(frame.size());
    for (auto _ : state) {
        std::memcpy(out.data(), frame.data(), frame.size());
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    count_bytes(state, size);
}

void encode_reused(benchmark::State& state, std::size_t size) {
    const Bytes payload(size);
    const FrameView frame = FrameView::publish(kChannel, payload);
    Bytes out;
    for (auto _ : state) {
        out.clear();
        benchmark::DoNotOptimize(encode_into(frame, out));
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    count_bytes(state, payload.size());
}

void encode_fresh(benchmark::State& state, std::size_t size) {
    const Frame frame = Frame::publish(std::string(kChannel), Bytes(size));
    for (auto _ : state) {
        const EncodeResult result = encode(frame);
        benchmark::DoNotOptimize(result.bytes.data());
        benchmark::ClobberMemory();
    }
    count_bytes(state, size);
}

void encode_delivery(benchmark::State& state, std::size_t size) {
    const Bytes payload(size);
    Bytes out(publish_size(kChannel, std::nullopt, payload));
    for (auto _ : state) {
        benchmark::DoNotOptimize(publish_size(kChannel, std::nullopt, payload));
        benchmark::DoNotOptimize(encode_publish_to(kChannel, std::nullopt, payload, out.data()));
        benchmark::ClobberMemory();
    }
    count_bytes(state, payload.size());
}

void encode_ack(benchmark::State& state) {
    std::byte out[kMaxAckBytes];
    std::uint64_t id = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(ack_size(id));
        benchmark::DoNotOptimize(encode_ack_to(id, out));
        benchmark::ClobberMemory();
        ++id;
    }
}

// ---- Decoding ----------------------------------------------------------------------------------

[[nodiscard]] Bytes encoded_publish(std::size_t size) {
    return encode(FrameView::publish(kChannel, Bytes(size))).bytes;
}

void decode_views(benchmark::State& state, std::size_t size) {
    const Bytes bytes = encoded_publish(size);
    Bytes scratch;
    for (auto _ : state) {
        const DecodeResult result = decode(bytes, scratch);
        benchmark::DoNotOptimize(result);
    }
    count_bytes(state, bytes.size());
}

void decode_to_owned(benchmark::State& state, std::size_t size) {
    const Bytes bytes = encoded_publish(size);
    for (auto _ : state) {
        const OwnedDecodeResult result = decode_owned(bytes);
        benchmark::DoNotOptimize(result.frame.payload.data());
    }
    count_bytes(state, bytes.size());
}

/// Traffic as a server sees it: mostly publishes, with and without id and event, of 20 to 200
/// bytes.
[[nodiscard]] Bytes mixed_stream(std::size_t frames) {
    Bytes stream;
    const Bytes data{std::byte{0x81}, std::byte{0xa1}, std::byte{'x'}, std::byte{0x05}};
    std::uint32_t random = 1;
    for (std::size_t i = 0; i < frames; ++i) {
        random = random * 1664525 + 1013904223;
        const Bytes payload(20 + (random >> 8) % 180);
        const std::string channel = "room:" + std::to_string((random >> 16) % 1000);
        const auto frame = [&]() -> FrameView {
            switch ((random >> 24) % 16) {
                case 0:
                    return FrameView::subscribe(i, channel);
                case 1:
                    return FrameView::unsubscribe(i, channel);
                case 2:
                    return FrameView::ack(i);
                case 3:
                    return FrameView::ping_with_timestamp(1'700'000'000'000 + i);
                case 4:
                    return FrameView::presence(i, channel, PresenceAction::update, ByteView(data));
                case 5:
                    return FrameView::error(i, ErrorCode::not_subscribed, "Not subscribed");
                case 6:
                case 7:
                case 8:
                    return FrameView::publish_with_ack(i, channel, payload);
                case 9:
                case 10:
                    return FrameView::publish_event(channel, "message", payload, i);
                default:
                    return FrameView::publish(channel, payload);
            }
        }();
        if (encode_into(frame, stream) != Error::none) std::abort();
    }
    return stream;
}

constexpr std::size_t kStreamFrames = 4096;

void decode_stream(benchmark::State& state, std::size_t piece_size) {
    const Bytes stream = mixed_stream(kStreamFrames);
    const std::size_t piece = piece_size == 0 ? stream.size() : piece_size;
    FrameDecoder decoder;
    std::size_t frames = 0;
    for (auto _ : state) {
        for (ByteView rest = stream; !rest.empty();) {
            const ByteView fed = rest.first(std::min(piece, rest.size()));
            rest = rest.subspan(fed.size());
            decoder.feed(fed);
            FrameView frame;
            while (decoder.next(frame) == DecodeStatus::frame) {
                benchmark::DoNotOptimize(frame);
                ++frames;
            }
        }
    }
    if (frames != kStreamFrames * static_cast<std::size_t>(state.iterations())) {
        state.SkipWithError("frames went missing");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(frames));
    state.counters["per_frame"] = benchmark::Counter(
        static_cast<double>(frames), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    count_bytes(state, stream.size());
}

void decode_reordered(benchmark::State& state) {
    // {channel, payload, type}: the entries of the canonical frame, first one last.
    const Bytes canonical = encoded_publish(64);
    constexpr std::size_t kHead = kLengthPrefixBytes + 1;
    constexpr std::size_t kTypeEntry = 13;
    Bytes bytes(canonical.begin(), canonical.begin() + kHead);
    bytes.insert(bytes.end(), canonical.begin() + kHead + kTypeEntry, canonical.end());
    bytes.insert(bytes.end(), canonical.begin() + kHead, canonical.begin() + kHead + kTypeEntry);
    Bytes scratch;
    for (auto _ : state) {
        const DecodeResult result = decode(bytes, scratch);
        if (!result) state.SkipWithError("not a frame");
        benchmark::DoNotOptimize(result);
    }
}

// ---- Both --------------------------------------------------------------------------------------

void roundtrip_views(benchmark::State& state) {
    const Bytes payload(256);
    const FrameView frame = FrameView::publish(kChannel, payload);
    Bytes out;
    Bytes scratch;
    for (auto _ : state) {
        out.clear();
        benchmark::DoNotOptimize(encode_into(frame, out));
        const DecodeResult result = decode(out, scratch);
        benchmark::DoNotOptimize(result);
    }
}

void roundtrip_owned(benchmark::State& state) {
    const Frame frame = Frame::publish(std::string(kChannel), Bytes(256));
    for (auto _ : state) {
        const EncodeResult encoded = encode(frame);
        const OwnedDecodeResult result = decode_owned(encoded.bytes);
        benchmark::DoNotOptimize(result.frame.payload.data());
    }
}

// ---- Frame creation ----------------------------------------------------------------------------

template <typename Make>
void create(benchmark::State& state, Make make) {
    for (auto _ : state) {
        auto frame = make();
        benchmark::DoNotOptimize(frame);
    }
}

void register_frame_creation() {
    const auto add = [](const char* name, auto make) {
        benchmark::RegisterBenchmark(name,
                                     [make](benchmark::State& state) { create(state, make); });
    };
    add("frame_creation/subscribe", [] { return Frame::subscribe(1, std::string(kChannel)); });
    add("frame_creation/publish", [] { return Frame::publish(std::string(kChannel), Bytes(64)); });
    add("frame_creation/ack", [] { return Frame::ack(1); });
    add("frame_creation/error", [] { return Frame::error(1, 1002, "Invalid channel"); });
    add("frame_creation/subscribe_view", [] { return FrameView::subscribe(1, kChannel); });
    add("frame_creation/publish_view", [] { return FrameView::publish(kChannel, {}); });
    add("frame_creation/ack_view", [] { return FrameView::ack(1); });
}

// ---- Presence data, JSON, channel names --------------------------------------------------------

[[nodiscard]] Bytes presence_state() {
    Bytes out;
    const Value value(
        Value::Object{{"avatar", "https://example.net/a/17.png"},
                      {"name", "Ada"},
                      {"position", Value::Array{1, -20, 3.5}},
                      {"status", Value::Object{{"idle", false}, {"since", 1700000}}}});
    if (encode_value(value, out) != Error::none) std::abort();
    return out;
}

void canonicalise_sorted(benchmark::State& state) {
    const Bytes raw = presence_state();
    Bytes out;
    for (auto _ : state) {
        out.clear();
        benchmark::DoNotOptimize(canonicalise(raw, out));
    }
    count_bytes(state, raw.size());
}

void canonicalise_unsorted(benchmark::State& state) {
    // {"b": state, "a": state}
    Bytes raw{std::byte{0x82}};
    const Bytes member = presence_state();
    for (const char key : {'b', 'a'}) {
        raw.push_back(std::byte{0xa1});
        raw.push_back(static_cast<std::byte>(key));
        raw.insert(raw.end(), member.begin(), member.end());
    }
    Bytes out;
    for (auto _ : state) {
        out.clear();
        benchmark::DoNotOptimize(canonicalise(raw, out));
    }
    count_bytes(state, raw.size());
}

void json_encode(benchmark::State& state, std::size_t size) {
    const std::string payload(size, 'x');
    const FrameView frame = FrameView::publish(kChannel, as_bytes(payload));
    std::string out;
    for (auto _ : state) {
        out.clear();
        encode_json(frame, out);
        benchmark::DoNotOptimize(out.data());
    }
    count_bytes(state, payload.size());
}

void json_decode(benchmark::State& state, std::size_t size) {
    const std::string payload(size, 'x');
    std::string text;
    encode_json(FrameView::publish(kChannel, as_bytes(payload)), text);
    for (auto _ : state) {
        const JsonDecodeResult result = decode_json(text);
        benchmark::DoNotOptimize(result.frame.payload.data());
    }
    count_bytes(state, text.size());
}

void channel_name(benchmark::State& state, std::size_t size) {
    const std::string name(size, 'c');
    for (auto _ : state) {
        std::string_view view = name;
        benchmark::DoNotOptimize(view);
        benchmark::DoNotOptimize(check_channel_name(view));
    }
}

using Sized = void (*)(benchmark::State&, std::size_t);

void add(const std::string& name, Sized run, std::size_t size) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [run, size](benchmark::State& state) { run(state, size); });
}

void add_sizes(const std::string& group, Sized run) {
    add(group + "/64B", run, 64);
    add(group + "/1KB", run, 1024);
    add(group + "/64KB", run, 65536);
}

}  // namespace

BENCHMARK(encode_ack);
BENCHMARK(decode_reordered)->Name("decode_reordered/64B");
BENCHMARK(roundtrip_views)->Name("codec_roundtrip/256B");
BENCHMARK(roundtrip_owned)->Name("codec_roundtrip/256B_owned");
BENCHMARK(canonicalise_sorted)->Name("canonicalise/sorted");
BENCHMARK(canonicalise_unsorted)->Name("canonicalise/unsorted");

int main(int argc, char** argv) {
    add_sizes("memcpy", copy_frame);
    add_sizes("encode", encode_reused);
    add_sizes("encode_fresh", encode_fresh);
    add_sizes("encode_delivery", encode_delivery);
    add_sizes("decode", decode_views);
    add_sizes("decode_owned", decode_to_owned);
    add("decode_stream/mixed4096", decode_stream, 0);
    add("decode_stream/pieces1400", decode_stream, 1400);
    add("decode_stream/pieces64", decode_stream, 64);
    add_sizes("json_encode", json_encode);
    add_sizes("json_decode", json_decode);
    add("channel_name/10B", channel_name, 10);
    add("channel_name/256B", channel_name, 256);
    register_frame_creation();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
