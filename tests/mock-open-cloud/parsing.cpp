// SPDX-License-Identifier: MIT OR Apache-2.0
#include "parsing.hpp"

#include <charconv>
#include <utility>
#include <vector>

namespace pulse::mock {

HttpResponse problem(int status, std::string_view what) {
    return HttpResponse::json(
        status, Json{{"error", what}}.dump(-1, ' ', false, Json::error_handler_t::replace));
}

HttpResponse answer(const Json& body) { return HttpResponse::json(200, body.dump()); }

std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

double unix_seconds(Time time) noexcept {
    return static_cast<double>(time.time_since_epoch().count()) / 1e6;
}

Fields::Fields(std::string_view body)
    : json_(body.empty() ? Json::object() : Json::parse(body, nullptr, false)) {
    if (json_.is_object()) return;
    json_ = Json::object();
    fail("the body is not a JSON object");
}

Fields Fields::of(Json object) {
    Fields fields;
    fields.json_ = std::move(object);
    if (fields.json_.is_object()) return fields;
    fields.json_ = Json::object();
    fields.fail("not an object");
    return fields;
}

const Json* Fields::raw(const char* name) {
    const auto found = json_.find(name);
    if (found == json_.end()) return nullptr;
    ++read_;
    return &*found;
}

void Fields::fail(std::string_view what) {
    if (problem_.empty()) problem_ = what;
}

Fields& Fields::boolean(const char* name, bool& out) {
    if (const Json* field = raw(name)) {
        if (field->is_boolean()) {
            out = field->get<bool>();
        } else {
            fail(std::string(name) + " is not true or false");
        }
    }
    return *this;
}

Fields& Fields::number(const char* name, std::uint64_t& out, std::uint64_t most) {
    if (const Json* field = raw(name)) {
        if (field->is_number_unsigned() && field->get<std::uint64_t>() <= most) {
            out = field->get<std::uint64_t>();
        } else {
            fail(std::string(name) + " is not a whole number up to " + std::to_string(most));
        }
    }
    return *this;
}

Fields& Fields::id(const char* name, std::uint64_t& out) {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_string()) return number(name, out);
    ++read_;
    if (const auto value = number_of(found->get_ref<const std::string&>())) {
        out = *value;
    } else {
        fail(std::string(name) + " is not a number");
    }
    return *this;
}

Fields& Fields::chance(const char* name, double& out) {
    if (const Json* field = raw(name)) {
        const double value = field->is_number() ? field->get<double>() : -1;
        if (value >= 0 && value <= 1) {
            out = value;
        } else {
            fail(std::string(name) + " is not between 0 and 1");
        }
    }
    return *this;
}

Fields& Fields::text(const char* name, std::string& out, std::size_t most) {
    if (const Json* field = raw(name)) {
        if (field->is_string() && field->get_ref<const std::string&>().size() <= most) {
            out = field->get<std::string>();
        } else {
            fail(std::string(name) + " is not a string, or too long");
        }
    }
    return *this;
}

Fields& Fields::texts(const char* name, std::vector<std::string>& out, std::size_t most) {
    const Json* field = raw(name);
    if (field == nullptr) return *this;
    std::vector<std::string> list;
    bool is_good = field->is_array() && field->size() <= most;
    if (is_good) {
        for (const Json& item : *field) {
            is_good = is_good && item.is_string();
            if (is_good) list.push_back(item.get<std::string>());
        }
    }
    if (is_good) {
        out = std::move(list);
    } else {
        fail(std::string(name) + " is not a list of strings, or too long");
    }
    return *this;
}

Fields& Fields::milliseconds(const char* name, Span& out, std::uint64_t most) {
    auto value = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(out).count());
    const bool is_given = has(name);
    number(name, value, most);
    if (is_given) out = std::chrono::milliseconds(value);
    return *this;
}

std::optional<HttpResponse> Fields::error() {
    if (problem_.empty() && read_ < json_.size()) problem_ = "unknown field";
    if (problem_.empty()) return std::nullopt;
    return problem(400, problem_);
}

}  // namespace pulse::mock
