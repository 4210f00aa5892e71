// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fields.hpp"

namespace pulse::protocol {

std::span<const FieldRule> fields_of(FrameType type) noexcept {
    static constexpr FieldRule kSubscribe[] = {
        {Field::id}, {Field::channel}, {Field::recover, true, true}};
    static constexpr FieldRule kUnsubscribe[] = {{Field::id}, {Field::channel}};
    static constexpr FieldRule kPublish[] = {{Field::id, true},
                                             {Field::channel},
                                             {Field::event, true},
                                             {Field::payload},
                                             {Field::position, true, true}};
    static constexpr FieldRule kPresence[] = {
        {Field::id}, {Field::channel}, {Field::action}, {Field::data, true}};
    static constexpr FieldRule kAck[] = {{Field::id}, {Field::recovery, true, true}};
    static constexpr FieldRule kError[] = {{Field::id}, {Field::code}, {Field::message}};
    static constexpr FieldRule kHeartbeat[] = {{Field::timestamp, true}};
    static constexpr FieldRule kConnect[] = {{Field::version}, {Field::token, true}};
    static constexpr FieldRule kConnected[] = {
        {Field::connection_id}, {Field::version}, {Field::heartbeat}};
    switch (type) {
        case FrameType::subscribe:
            return kSubscribe;
        case FrameType::unsubscribe:
            return kUnsubscribe;
        case FrameType::publish:
            return kPublish;
        case FrameType::presence:
            return kPresence;
        case FrameType::ack:
            return kAck;
        case FrameType::error:
            return kError;
        case FrameType::ping:
        case FrameType::pong:
            return kHeartbeat;
        case FrameType::connect:
            return kConnect;
        case FrameType::connected:
            return kConnected;
    }
    return {};
}

std::string_view to_string(Field field) noexcept {
    switch (field) {
        case Field::none:
            return "";
        case Field::type:
            return "type";
        case Field::id:
            return "id";
        case Field::channel:
            return "channel";
        case Field::event:
            return "event";
        case Field::payload:
            return "payload";
        case Field::action:
            return "action";
        case Field::data:
            return "data";
        case Field::code:
            return "code";
        case Field::message:
            return "message";
        case Field::timestamp:
            return "timestamp";
        case Field::version:
            return "version";
        case Field::token:
            return "token";
        case Field::connection_id:
            return "connection_id";
        case Field::heartbeat:
            return "heartbeat";
        case Field::recover:
            return "recover";
        case Field::position:
            return "position";
        case Field::recovery:
            return "recovery";
    }
    return "";
}

}  // namespace pulse::protocol
