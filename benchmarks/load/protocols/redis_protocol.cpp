// SPDX-License-Identifier: MIT OR Apache-2.0
// Redis pub/sub in RESP2 over TCP. A subscribed connection may not publish there, so publishers are
// connections of their own; their `:<receivers>` replies are read and dropped.
#include "protocols/factories.hpp"
#include "protocols/stream_reader.hpp"

#include <charconv>

namespace pulse::load {
namespace {

std::string bulk(std::string_view text) {
    std::string out(1, '$');
    return out.append(std::to_string(text.size())).append("\r\n").append(text).append("\r\n");
}

class RedisReader final : public StreamReader {
  public:
    explicit RedisReader(std::string prefix) : prefix_(std::move(prefix)) {}

  private:
    static constexpr std::size_t kMaxLineBytes = 4096;

    /// Reads `<mark><number>\r\n` at `at`; false when incomplete or malformed (then `bad`).
    static bool number_line(std::string_view text, std::size_t& at, char mark, std::int64_t& value,
                            bool& bad) {
        const std::size_t end = text.find("\r\n", at);
        if (end == std::string_view::npos) {
            bad = text.size() - at > kMaxLineBytes;
            return false;
        }
        const char* const stop = text.data() + end;
        const auto [ptr, error] = std::from_chars(text.data() + at + 1, stop, value);
        bad = text[at] != mark || error != std::errc{} || ptr != stop;
        at = end + 2;
        return !bad;
    }

    bool take(std::string_view& left, ReaderEvents& events) override {
        if (left.empty()) return true;
        if (left.front() == '*') return take_push(left, events);
        const std::size_t end = left.find("\r\n");
        if (end == std::string_view::npos) {
            return left.size() <= kMaxLineBytes || refuse("endless line", events);
        }
        const std::string_view line = left.substr(0, end);
        left.remove_prefix(end + 2);
        if (line.front() == ':' || line.front() == '+') return true;
        return refuse(std::string(line), events);
    }

    /// `*3` and then: "message", channel, payload, or "subscribe", channel, count.
    bool take_push(std::string_view& left, ReaderEvents& events) {
        std::size_t at = 0;
        std::int64_t count = 0;
        bool bad = false;
        if (!number_line(left, at, '*', count, bad)) return !bad || refuse("bad array", events);
        if (count != 3) return refuse("array of another size than 3", events);
        std::string_view parts[3];
        for (std::string_view& part : parts) {
            if (at >= left.size()) return true;
            std::int64_t size = 0;
            const bool is_number = left[at] == ':';
            const std::size_t begin = at;
            if (!number_line(left, at, is_number ? ':' : '$', size, bad)) {
                return !bad || refuse("bad element", events);
            }
            if (is_number) {
                part = left.substr(begin, at - begin);
                continue;
            }
            if (size < 0 || static_cast<std::size_t>(size) > kMaxUnitBytes) {
                return refuse("bad length", events);
            }
            const auto bytes = static_cast<std::size_t>(size);
            if (left.size() - at < bytes + 2) return true;
            part = left.substr(at, bytes);
            at += bytes + 2;
        }
        const auto channel = channel_number(prefix_, ':', parts[1]);
        if (!channel) return refuse("foreign channel", events);
        if (parts[0] == "message") {
            events.on_delivery(channel, parts[2]);
        } else if (parts[0] == "subscribe") {
            events.on_subscribed();
        } else {
            return refuse("unexpected push: " + std::string(parts[0]), events);
        }
        left.remove_prefix(at);
        return true;
    }

    std::string prefix_;
};

class RedisProtocol final : public Protocol {
  public:
    explicit RedisProtocol(ProtocolOptions options) : options_(std::move(options)) {}

    std::string opening() const override { return {}; }
    bool ready_on_connect() const override { return true; }
    bool publishes_while_subscribed() const override { return false; }
    std::string subscribe(std::uint32_t channel) const override {
        return "*2\r\n" + bulk("SUBSCRIBE") + bulk(channel_name(options_, channel, ':'));
    }
    RequestTemplate publish(std::uint32_t channel, std::string_view payload) const override {
        std::string bytes = "*3\r\n" + bulk("PUBLISH") + bulk(channel_name(options_, channel, ':'));
        const std::string last = bulk(payload);
        const std::size_t payload_at = bytes.size() + last.size() - payload.size() - 2;
        return {.bytes = bytes + last, .stamp_at = payload_at};
    }
    std::unique_ptr<Reader> make_reader() const override {
        return std::make_unique<RedisReader>(options_.channel_prefix);
    }

  private:
    ProtocolOptions options_;
};

}  // namespace

std::unique_ptr<Protocol> make_redis_protocol(const ProtocolOptions& options) {
    return std::make_unique<RedisProtocol>(options);
}

}  // namespace pulse::load
