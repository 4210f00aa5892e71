// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pulse::load {

/// What a Reader finds in the bytes of one connection.
class ReaderEvents {
  public:
    virtual ~ReaderEvents() = default;
    /// The connection can be used: upgrade, greeting and login are done.
    virtual void on_ready() = 0;
    virtual void on_subscribed() = 0;
    /// `channel` is empty where the protocol does not name it in a delivery.
    virtual void on_delivery(std::optional<std::uint32_t> channel, std::string_view payload) = 0;
    virtual void on_pong(std::uint64_t stamp) = 0;
    virtual void on_reply(std::string bytes) = 0;
    /// The server broke the protocol or refused something; the connection ends.
    virtual void on_fault(std::string what) = 0;
};

/// Parses everything one connection receives, from the first byte. Loop-bound.
class Reader {
  public:
    virtual ~Reader() = default;
    virtual void feed(std::string_view bytes, ReaderEvents& events) = 0;
    /// Bytes of an incomplete unit at the end; for changing over to the Scanner.
    [[nodiscard]] virtual std::string_view rest() const = 0;
};

/// A request built once and sent many times; a Stamp says what changes in between.
struct RequestTemplate {
    enum class Stamp { payload_header, big_endian_time };

    std::string bytes;
    std::size_t stamp_at = 0;
    Stamp kind = Stamp::payload_header;
};

struct ProtocolOptions {
    std::string host;
    std::uint16_t port = 0;
    std::string path;
    std::string channel_prefix;
};

/// One server protocol: the bytes a client sends and a Reader for those it receives. Immutable.
class Protocol {
  public:
    virtual ~Protocol() = default;
    /// Sent as soon as the TCP connection stands; empty when the server needs nothing.
    [[nodiscard]] virtual std::string opening() const = 0;
    /// True when a connection is ready without an answer of the server (Redis).
    [[nodiscard]] virtual bool ready_on_connect() const { return false; }
    [[nodiscard]] virtual std::string subscribe(std::uint32_t channel) const = 0;
    [[nodiscard]] virtual RequestTemplate publish(std::uint32_t channel,
                                                  std::string_view payload) const = 0;
    /// Whether a connection that is subscribed may also publish (not in RESP2).
    [[nodiscard]] virtual bool publishes_while_subscribed() const { return true; }
    /// A request answered with its own payload; nullopt = publish to one's own channel instead.
    [[nodiscard]] virtual std::optional<RequestTemplate> echo(std::string_view payload) const {
        (void)payload;
        return std::nullopt;
    }
    [[nodiscard]] virtual std::optional<RequestTemplate> ping() const { return std::nullopt; }
    /// Polite end of a connection; empty when closing the socket is all there is.
    /// Whether payloads have to be text: the form is PayloadForm::text then.
    [[nodiscard]] virtual bool carries_text() const { return false; }
    [[nodiscard]] virtual std::string goodbye() const { return {}; }
    [[nodiscard]] virtual std::unique_ptr<Reader> make_reader() const = 0;
};

/// nullptr for an unknown name. Names: pulse, roblox, bench, nats, redis,
/// mqtt.
[[nodiscard]] std::unique_ptr<Protocol> make_protocol(std::string_view name,
                                                      const ProtocolOptions& options);

/// Channel number as text of fixed width, so that all deliveries of a run are equally long.
[[nodiscard]] std::string channel_name(const ProtocolOptions& options, std::uint32_t channel,
                                       char separator);
[[nodiscard]] std::optional<std::uint32_t> channel_number(std::string_view prefix, char separator,
                                                          std::string_view name);

}  // namespace pulse::load
