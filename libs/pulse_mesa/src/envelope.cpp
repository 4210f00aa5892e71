// SPDX-License-Identifier: MIT OR Apache-2.0
#include "envelope.hpp"

#include <charconv>
#include <iterator>

#include <pulse/mesa/error.hpp>

namespace pulse::mesa {

namespace json = core::json;

namespace {

constexpr std::string_view kEventTypes[] = {"connection", "authentication", "message",
                                            "disconnection"};

void append_ids(std::string& out, std::span<const Id> ids) {
    out += '[';
    for (const Id& id : ids) {
        if (out.back() != '[') out += ',';
        out += id.to_json();
    }
    out += ']';
}

/// Values that are no ids are nobody's, and skipped.
std::vector<Id> read_ids(json::Value array) {
    std::vector<Id> ids;
    json::Elements elements(array);
    while (const auto element = elements.next()) {
        if (auto id = Id::from_json(element->raw)) ids.push_back(std::move(*id));
    }
    return ids;
}

/// Clients' messages may be as deep as JSON of theirs may be; here they stand in something.
core::Result<json::Value> read_object(std::string_view text) {
    const json::Parsed parsed = json::parse(text, json::kMaxWrappedDepth);
    if (parsed.problem == json::Problem::too_deep) {
        return tl::unexpected(make_error_code(Error::nested_too_deeply));
    }
    if (!parsed) return tl::unexpected(make_error_code(Error::invalid_json));
    if (!parsed.value.is(json::Type::object)) {
        return tl::unexpected(make_error_code(Error::invalid_envelope));
    }
    return parsed.value;
}

tl::unexpected<std::error_code> wrong_shape() {
    return tl::unexpected(make_error_code(Error::invalid_envelope));
}

}  // namespace

std::string write_envelope(const Message& message, Form form, const Recipients& recipients,
                           std::span<const Id> excluding, std::string_view origin,
                           std::uint64_t number) {
    std::string out = "{\"message\":";
    append_json(out, message, form);
    out += ",\"recipients\":";
    if (recipients.is_all()) {
        out += "[\"*\"]";
    } else {
        append_ids(out, recipients.ids());
    }
    if (!excluding.empty()) {
        out += ",\"excluding\":";
        append_ids(out, excluding);
    }
    if (!origin.empty()) {
        out += ",\"origin\":";
        json::append_text(out, origin);
    }
    if (number != 0) out.append(",\"number\":").append(std::to_string(number));
    out += '}';
    return out;
}

core::Result<Envelope> read_envelope(std::string_view text) {
    const auto object = read_object(text);
    if (!object) return tl::unexpected(object.error());
    json::Value message;
    json::Value recipients;
    json::Value excluding;
    json::Value origin;
    json::Value number;
    json::Members members(*object);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "message")) message = member->value;
        if (json::is_key(member->key, "recipients")) recipients = member->value;
        if (json::is_key(member->key, "excluding")) excluding = member->value;
        if (json::is_key(member->key, "origin")) origin = member->value;
        if (json::is_key(member->key, "number")) number = member->value;
    }
    if (!message.is(json::Type::object) || !recipients.is(json::Type::array)) return wrong_shape();
    Envelope envelope{
        read_message(message, Form::internal), Recipients(read_ids(recipients)), {}, {}, 0};
    if (excluding.is(json::Type::array)) envelope.excluding = read_ids(excluding);
    if (origin.is(json::Type::text)) envelope.origin = origin.text();
    // One that is no number of ours is nobody's: from_chars leaves 0.
    const char* const end = number.raw.data() + number.raw.size();
    (void)std::from_chars(number.raw.data(), end, envelope.number);
    return envelope;
}

std::string write_portal_event(const PortalEvent& event) {
    std::string out = "{\"type\":\"";
    out += kEventTypes[static_cast<std::size_t>(event.type)];
    out += '"';
    if (event.message) {
        out += ",\"message\":";
        append_json(out, *event.message, Form::internal);
    }
    if (event.client_id) {
        out += ",\"clientId\":";
        out += event.client_id->to_json();
    }
    out += ",\"portalId\":";
    json::append_text(out, event.portal_id);
    out += '}';
    return out;
}

core::Result<PortalEvent> read_portal_event(std::string_view text) {
    const auto object = read_object(text);
    if (!object) return tl::unexpected(object.error());
    PortalEvent event;
    bool has_type = false;
    json::Members members(*object);
    while (const auto member = members.next()) {
        const json::Value value = member->value;
        if (json::is_key(member->key, "type") && value.is(json::Type::text)) {
            const std::string type = value.text();
            for (std::size_t i = 0; i < std::size(kEventTypes); ++i) {
                if (type != kEventTypes[i]) continue;
                event.type = static_cast<PortalEvent::Type>(i);
                has_type = true;
            }
        } else if (json::is_key(member->key, "message") && value.is(json::Type::object)) {
            event.message = read_message(value, Form::internal);
        } else if (json::is_key(member->key, "clientId")) {
            event.client_id = Id::from_json(value.raw);
        } else if (json::is_key(member->key, "portalId") && value.is(json::Type::text)) {
            event.portal_id = value.text();
        }
    }
    const bool is_whole = event.type == PortalEvent::Type::message ? event.message.has_value()
                          : event.type == PortalEvent::Type::authentication
                              ? event.client_id.has_value()
                              : true;
    if (!has_type || !is_whole) return wrong_shape();
    return event;
}

std::string write_announcement(const PortalAnnouncement& announcement) {
    std::string out = "{\"id\":";
    json::append_text(out, announcement.id);
    out += announcement.is_ready ? ",\"ready\":true}" : ",\"ready\":false}";
    return out;
}

core::Result<PortalAnnouncement> read_announcement(std::string_view text) {
    const auto object = read_object(text);
    if (!object) return tl::unexpected(object.error());
    PortalAnnouncement announcement;
    json::Members members(*object);
    while (const auto member = members.next()) {
        if (json::is_key(member->key, "id") && member->value.is(json::Type::text)) {
            announcement.id = member->value.text();
        } else if (json::is_key(member->key, "ready")) {
            announcement.is_ready = member->value.raw == "true";
        }
    }
    if (announcement.id.empty()) return wrong_shape();
    return announcement;
}

std::optional<std::vector<std::string>> read_kept(std::string_view text) {
    const json::Parsed parsed = json::parse(text, json::kMaxWrappedDepth);
    if (!parsed || !parsed.value.is(json::Type::array)) return std::nullopt;
    std::vector<std::string> elements;
    json::Elements each(parsed.value);
    while (const auto element = each.next()) elements.emplace_back(element->raw);
    return elements;
}

std::error_code check_keepable(std::string_view message) {
    switch (json::parse(message, json::kMaxWrappedDepth - 1).problem) {
        case json::Problem::none:
            return {};
        case json::Problem::too_deep:
            return make_error_code(Error::nested_too_deeply);
        case json::Problem::invalid:
            break;
    }
    return make_error_code(Error::invalid_json);
}

}  // namespace pulse::mesa
