// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The I/O-free parts of the WebSocket and HTTP server, one core, data in cache.
//
//   receive/<parser>/<kind>/bytes:<n>   one masked frame out of a receive buffer, by our parser and
//                                       by websocketpp's
//   receive_large/<way>/bytes:<n>       one frame that arrives in reads of 64 KiB: through the
//                                       parser's receive window, through a shared buffer, and as
//                                       plain memcpy
//   unmask, memcpy, utf8_*              the passes over a payload, alone
//   request_head/<parser>               a browser's upgrade request
//   handshake                           from the parsed head to the 101
//
// Keys are zero, so that a buffer can be received again and again; the work is the same. Times of
// `receive` are per frame: read the counter ns_per_frame.
#include "http/head_parser.hpp"
#include "websocket/frame_header.hpp"
#include "websocket/handshake.hpp"
#include "websocket/mask.hpp"
#include "websocket/parser.hpp"
#include "websocket/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>
#include <websocketpp/random/none.hpp>

namespace {

namespace http = pulse::transport::http;
namespace ws = pulse::transport::websocket;
using pulse::protocol::as_bytes;

struct Hybi13Config {
    using request_type = websocketpp::http::parser::request;
    using response_type = websocketpp::http::parser::response;
    using message_type =
        websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
    using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
    using rng_type = websocketpp::random::none::int_generator<std::uint32_t>;
    struct permessage_deflate_config {
        using request_type = Hybi13Config::request_type;
    };
    using permessage_deflate_type =
        websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
    static constexpr bool enable_extensions = false;
    static constexpr std::size_t max_message_size = std::size_t{64} << 20;
};

using Buffer = std::vector<std::byte>;

std::string ascii_text(std::size_t n) {
    static constexpr std::string_view kWords = "the quick brown fox jumps over the lazy dog, ";
    std::string text;
    while (text.size() < n) text += kWords;
    text.resize(n);
    return text;
}

// About 5 bytes in 9 belong to code points of two to four bytes.
std::string mixed_text(std::size_t n) {
    static constexpr std::string_view kWords =
        "Gr\xC3\xBC\xC3\x9F"
        "e \xD0\xBC\xD0\xB8\xD1\x80 \xE4\xBD\xA0\xE5\xA5\xBD ok \xF0\x9F\x98\x80 ";
    std::string text;
    while (text.size() + kWords.size() <= n) text += kWords;
    text.resize(n, ' ');
    return text;
}

// A client's frames, as many as fill about 16 KiB, or a single larger one.
struct Frames {
    Frames(bool is_text, std::string_view payload)
        : count(std::max<std::size_t>(1, (std::size_t{16} << 10) / (payload.size() + 8))) {
        std::byte header[ws::kMaxServerHeaderBytes];
        const std::size_t n = ws::write_frame_header(
            header, is_text ? ws::Opcode::text : ws::Opcode::binary, payload.size());
        header[1] |= std::byte{0x80};
        for (std::size_t i = 0; i < count; ++i) {
            bytes.insert(bytes.end(), header, header + n);
            bytes.insert(bytes.end(), 4, std::byte{0});
            const auto content = as_bytes(payload);
            bytes.insert(bytes.end(), content.begin(), content.end());
        }
    }

    std::size_t count;
    Buffer bytes;
};

struct Sink {
    bool on_message(ws::MessageKind, ws::ByteView bytes) {
        benchmark::DoNotOptimize(bytes.data());
        messages += 1;
        return true;
    }
    bool on_ping(ws::ByteView) { return true; }
    bool on_pong(ws::ByteView) { return true; }
    bool on_close(std::uint16_t, std::string_view) { return true; }

    std::size_t messages = 0;
};

void count_frames(benchmark::State& state, std::size_t per_iteration, std::size_t payload) {
    const auto frames = static_cast<double>(per_iteration);
    state.counters["ns_per_frame"] = benchmark::Counter(
        frames / 1e9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.SetBytesProcessed(static_cast<std::int64_t>(static_cast<std::size_t>(state.iterations()) *
                                                      per_iteration * payload));
}

void receive_ours(benchmark::State& state, bool is_text) {
    const auto size = static_cast<std::size_t>(state.range(0));
    Frames frames(is_text, ascii_text(size));
    const ws::Limits limits;
    ws::Parser parser;
    Sink sink;
    for (auto _ : state) parser.consume(frames.bytes.data(), frames.bytes.size(), limits, sink);
    if (sink.messages != frames.count * static_cast<std::size_t>(state.iterations())) {
        state.SkipWithError("messages lost");
    }
    count_frames(state, frames.count, size);
}

void receive_hybi13(benchmark::State& state, bool is_text) {
    const auto size = static_cast<std::size_t>(state.range(0));
    Frames frames(is_text, ascii_text(size));
    Hybi13Config::rng_type rng;
    websocketpp::processor::hybi13<Hybi13Config> processor(
        false, true, std::make_shared<Hybi13Config::con_msg_manager_type>(), rng);
    for (auto _ : state) {
        auto* data = reinterpret_cast<std::uint8_t*>(frames.bytes.data());
        std::size_t left = frames.bytes.size();
        websocketpp::lib::error_code error;
        while (left != 0 && !error) {
            const std::size_t used = processor.consume(data, left, error);
            data += used;
            left -= used;
            if (processor.ready()) benchmark::DoNotOptimize(processor.get_message());
        }
        if (error) state.SkipWithError("refused");
    }
    count_frames(state, frames.count, size);
}

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kPageBytes = 4096;

void receive_large(benchmark::State& state, bool through_window) {
    const auto size = static_cast<std::size_t>(state.range(0));
    Frames frames(false, ascii_text(size));
    const ws::Limits limits;
    ws::Parser parser;
    Sink sink;
    Buffer shared(kReadBytes);
    for (auto _ : state) {
        for (std::size_t at = 0; at < frames.bytes.size();) {
            auto window = through_window ? parser.receive_window(limits) : std::span<std::byte>{};
            const bool is_direct = !window.empty();
            if (!is_direct) window = shared;
            // Stands for recv().
            const std::size_t n = std::min({window.size(), kReadBytes, frames.bytes.size() - at});
            std::memcpy(window.data(), frames.bytes.data() + at, n);
            at += n;
            if (is_direct) {
                parser.commit(n, sink);
            } else {
                parser.consume(window.data(), n, limits, sink);
            }
        }
    }
    count_frames(state, 1, size);
}

// `n` bytes to copy to `target`, at the same place of a page. Elsewhere glibc's memcpy can be
// twenty times slower on some CPUs (Zen 3, target 1 to 31 bytes further into its page), which would
// compare nothing.
const std::byte* source_for(const Buffer& source, const std::byte* target) {
    const auto distance =
        reinterpret_cast<std::uintptr_t>(target) - reinterpret_cast<std::uintptr_t>(source.data());
    return source.data() + (distance & (kPageBytes - 1));
}

void receive_large_memcpy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const Buffer source(size + kPageBytes, std::byte{'x'});
    for (auto _ : state) {
        const std::unique_ptr<std::byte[]> message(new std::byte[size]);
        std::memcpy(message.get(), source_for(source, message.get()), size);
        benchmark::DoNotOptimize(message.get());
        benchmark::ClobberMemory();
    }
    count_frames(state, 1, size);
}

void unmask(benchmark::State& state) {
    Buffer bytes(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
    for (auto _ : state) {
        ws::mask(bytes.data(), bytes.size(), 0x3D21FA37);
        benchmark::DoNotOptimize(bytes.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void plain_memcpy(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const Buffer source(size + kPageBytes, std::byte{'x'});
    Buffer to(size);
    const std::byte* const from = source_for(source, to.data());
    for (auto _ : state) {
        std::memcpy(to.data(), from, size);
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void utf8(benchmark::State& state, const std::string& text) {
    for (auto _ : state) {
        bool valid = ws::is_valid_utf8(as_bytes(text));
        benchmark::DoNotOptimize(valid);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void utf8_websocketpp(benchmark::State& state, const std::string& text) {
    for (auto _ : state) {
        bool valid = websocketpp::utf8_validator::validate(text);
        benchmark::DoNotOptimize(valid);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

constexpr std::string_view kUpgradeRequest =
    "GET /ws?token=abcdef0123456789 HTTP/1.1\r\n"
    "Host: pulse.example.com:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: */*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Origin: https://pulse.example.com\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Connection: keep-alive, Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "Upgrade: websocket\r\n"
    "\r\n";

void request_head(benchmark::State& state) {
    http::RequestHead head;
    const http::HeadLimits limits;
    for (auto _ : state) {
        http::HeadParser parser;
        auto result = parser.parse(kUpgradeRequest, limits, head);
        benchmark::DoNotOptimize(result);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kUpgradeRequest.size()));
}

void request_head_by_bytes(benchmark::State& state) {
    http::RequestHead head;
    const http::HeadLimits limits;
    for (auto _ : state) {
        http::HeadParser parser;
        for (std::size_t n = 1; n <= kUpgradeRequest.size(); ++n) {
            auto result = parser.parse(kUpgradeRequest.substr(0, n), limits, head);
            benchmark::DoNotOptimize(result);
        }
    }
}

void request_head_websocketpp(benchmark::State& state) {
    for (auto _ : state) {
        websocketpp::http::parser::request request;
        request.consume(kUpgradeRequest.data(), kUpgradeRequest.size());
        benchmark::DoNotOptimize(request.ready());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kUpgradeRequest.size()));
}

void handshake(benchmark::State& state) {
    http::RequestHead head;
    if (http::HeadParser{}.parse(kUpgradeRequest, {}, head).status != http::HeadStatus::complete) {
        state.SkipWithError("head refused");
    }
    std::string out;
    for (auto _ : state) {
        out.clear();
        auto result =
            ws::upgrade(head, {.subprotocols = {}, .date = "Sun, 06 Nov 1994 08:49:37 GMT"}, out);
        if (!result.accepted()) state.SkipWithError("upgrade refused");
        benchmark::DoNotOptimize(out.data());
    }
}

const auto kSizes = [](benchmark::internal::Benchmark* bench) {
    bench->ArgName("bytes")->Arg(64)->Arg(1024)->Arg(65'536);
};
const auto kLargeSizes = [](benchmark::internal::Benchmark* bench) {
    bench->ArgName("bytes")->Arg(65'536)->Arg(1 << 20)->Arg(16 << 20);
};

BENCHMARK_CAPTURE(receive_ours, binary, false)->Name("receive/ours/binary")->Apply(kSizes);
BENCHMARK_CAPTURE(receive_ours, text, true)->Name("receive/ours/text")->Apply(kSizes);
BENCHMARK_CAPTURE(receive_hybi13, binary, false)->Name("receive/hybi13/binary")->Apply(kSizes);
BENCHMARK_CAPTURE(receive_hybi13, text, true)->Name("receive/hybi13/text")->Apply(kSizes);
BENCHMARK_CAPTURE(receive_large, window, true)->Name("receive_large/window")->Apply(kLargeSizes);
BENCHMARK_CAPTURE(receive_large, shared, false)->Name("receive_large/shared")->Apply(kLargeSizes);
BENCHMARK(receive_large_memcpy)->Name("receive_large/memcpy")->Apply(kLargeSizes);
BENCHMARK(unmask)->Apply(kSizes);
BENCHMARK(plain_memcpy)->Name("memcpy")->Apply(kSizes);
BENCHMARK_CAPTURE(utf8, ascii_64, ascii_text(64));
BENCHMARK_CAPTURE(utf8, ascii_1024, ascii_text(1024));
BENCHMARK_CAPTURE(utf8, ascii_65536, ascii_text(65'536));
BENCHMARK_CAPTURE(utf8, mixed_64, mixed_text(64));
BENCHMARK_CAPTURE(utf8, mixed_1024, mixed_text(1024));
BENCHMARK_CAPTURE(utf8, mixed_65536, mixed_text(65'536));
BENCHMARK_CAPTURE(utf8_websocketpp, ascii_1024, ascii_text(1024));
BENCHMARK_CAPTURE(utf8_websocketpp, mixed_1024, mixed_text(1024));
BENCHMARK(request_head)->Name("request_head/ours");
BENCHMARK(request_head_by_bytes)->Name("request_head/ours_byte_by_byte");
BENCHMARK(request_head_websocketpp)->Name("request_head/websocketpp");
BENCHMARK(handshake);

}  // namespace

BENCHMARK_MAIN();
