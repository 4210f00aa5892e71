// SPDX-License-Identifier: MIT OR Apache-2.0
//
// websocketpp's hybi13 processor as a second opinion on what a client's stream means.
//
// Our parser must hear the same messages and refuse at the same byte with the same close code. What
// hybi13 (0.8.2) does differently is made up for here, one place each, so that the list below is
// the whole list of known differences:
//
//  1. It has no limit for a single frame. The guard compares what a header announced.
//  2. Its limit for a message wraps around when a continuation announces nearly 2^64 bytes. The
//  guard
//     compares without adding.
//  3. It takes a length with the top bit set (RFC 6455 section 5.2 forbids it) and finds it too
//  big, 1009.
//     We say 1002.
//  4. It maps a length that is not minimally encoded to 1011. We say 1002.
//  5. It looks for an unfinished code point only at the end of an unfragmented text (it asks the
//  last
//     frame's opcode, which is `continuation` in a fragmented one). The whole text is validated
//     here.
//  6. Close payloads are checked one layer above it; the functions that layer uses are called here.
//  7. After an error, and after a close frame, it must not be fed again (it dereferences a null
//  message).
#pragma once

#include "pulse_transport/websocket/parser_runner.hpp"
#include "websocket/parser.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <websocketpp/close.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>
#include <websocketpp/random/none.hpp>

namespace pulse::test {

struct OracleConfig {
    using request_type = websocketpp::http::parser::request;
    using response_type = websocketpp::http::parser::response;
    using message_type =
        websocketpp::message_buffer::message<websocketpp::message_buffer::alloc::con_msg_manager>;
    using con_msg_manager_type = websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
    using rng_type = websocketpp::random::none::int_generator<std::uint32_t>;
    struct permessage_deflate_config {
        using request_type = OracleConfig::request_type;
    };
    using permessage_deflate_type =
        websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
    static constexpr bool enable_extensions = false;
    static constexpr std::size_t max_message_size = 0;  // set per object
};

class Hybi13Oracle {
  public:
    explicit Hybi13Oracle(const ws::Limits& limits)
        : limits_(limits),
          processor_(std::make_shared<OracleConfig::con_msg_manager_type>(), rng_) {
        processor_.set_max_message_size(limits.max_message_bytes);
    }

    /// Gives the stream byte by byte, until its end, an error or a close frame.
    Outcome run(std::string_view stream) {
        for (std::size_t i = 0; i < stream.size() && !is_over_; ++i) {
            auto byte = static_cast<std::uint8_t>(stream[i]);
            take(byte);
            if (outcome_.error_code != 0) outcome_.error_offset = i + 1;
        }
        return outcome_;
    }

  private:
    using Base = websocketpp::processor::hybi13<OracleConfig>;
    using Errors = websocketpp::processor::error::processor_errors;

    // Opens the protected header of the frame being read.
    class Processor : public Base {
      public:
        Processor(OracleConfig::con_msg_manager_type::ptr manager, OracleConfig::rng_type& rng)
            : Base(false, true, manager, rng) {}

        [[nodiscard]] bool awaits_payload() const { return m_state == Base::APPLICATION; }
        [[nodiscard]] bool is_control() const {
            return websocketpp::frame::opcode::is_control(
                websocketpp::frame::get_opcode(m_basic_header));
        }
        [[nodiscard]] std::uint64_t announced() const {
            return websocketpp::frame::get_payload_size(m_basic_header, m_extended_header);
        }
        [[nodiscard]] std::size_t received() const {
            return m_data_msg.msg_ptr ? m_data_msg.msg_ptr->get_payload().size() : 0;
        }
    };

    void take(std::uint8_t byte) {
        const bool was_in_payload = processor_.awaits_payload();
        websocketpp::lib::error_code error;
        processor_.consume(&byte, 1, error);
        if (error) return refuse(close_code_of(error));
        if (!was_in_payload && !processor_.is_control() && is_header_complete() &&
            exceeds_limits()) {
            return refuse(top_bit() ? 1002 : 1009);
        }
        if (processor_.ready()) hear(processor_.get_message());
    }

    // A frame without payload is `ready`, or back at the next header, as soon as its own is
    // complete; it exceeds no limit, so only frames that await payload matter.
    [[nodiscard]] bool is_header_complete() const { return processor_.awaits_payload(); }

    [[nodiscard]] bool exceeds_limits() const {
        const std::uint64_t announced = processor_.announced();
        return announced > limits_.max_frame_bytes ||
               announced > limits_.max_message_bytes - processor_.received();
    }

    [[nodiscard]] bool top_bit() const { return (processor_.announced() >> 63U) != 0; }

    std::uint16_t close_code_of(const websocketpp::lib::error_code& error) const {
        if (error == Errors::non_minimal_encoding) return 1002;
        if (error == Errors::message_too_big && top_bit()) return 1002;
        return websocketpp::processor::error::to_ws(error);
    }

    void hear(const Base::message_ptr& message) {
        namespace opcode = websocketpp::frame::opcode;
        const std::string& payload = message->get_payload();
        switch (message->get_opcode()) {
            case opcode::text:
                if (!websocketpp::utf8_validator::validate(payload)) return refuse(1007);
                outcome_.heard.push_back({"text", payload});
                break;
            case opcode::binary:
                outcome_.heard.push_back({"binary", payload});
                break;
            case opcode::ping:
                outcome_.heard.push_back({"ping", payload});
                break;
            case opcode::pong:
                outcome_.heard.push_back({"pong", payload});
                break;
            default:
                hear_close(payload);
        }
    }

    void hear_close(const std::string& payload) {
        is_over_ = true;
        websocketpp::lib::error_code error;
        const auto code = websocketpp::close::extract_code(payload, error);
        if (error) return refuse(1002);
        const std::string reason = websocketpp::close::extract_reason(payload, error);
        if (error) return refuse(1007);
        outcome_.heard.push_back({"close " + std::to_string(code), reason});
    }

    void refuse(std::uint16_t code) {
        outcome_.error_code = code;
        is_over_ = true;
    }

    ws::Limits limits_;
    OracleConfig::rng_type rng_;
    Processor processor_;
    Outcome outcome_;
    bool is_over_ = false;
};

}  // namespace pulse::test
