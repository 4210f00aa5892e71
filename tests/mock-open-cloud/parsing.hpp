// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reading and writing of the control interface's JSON.
#pragma once

#include "http.hpp"
#include "keys.hpp"
#include "time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace pulse::mock {

using Json = nlohmann::ordered_json;

/// `{"error":…}`.
[[nodiscard]] HttpResponse problem(int status, std::string_view what);
/// 200 with that body; `{}` for "done".
[[nodiscard]] HttpResponse answer(const Json& body = Json::object());

[[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view text) noexcept;
[[nodiscard]] double unix_seconds(Time time) noexcept;

/// Reads an object's fields one by one; remembers the first that does not fit, and whether there
/// were any nobody asked for.
class Fields {
  public:
    explicit Fields(std::string_view body);
    /// Of an object inside another.
    [[nodiscard]] static Fields of(Json object);

    // Each leaves its target alone when the field is absent.
    Fields& boolean(const char* name, bool& out);
    Fields& number(const char* name, std::uint64_t& out, std::uint64_t most = INT64_MAX);
    /// As a number or a string of digits.
    Fields& id(const char* name, std::uint64_t& out);
    Fields& chance(const char* name, double& out);
    Fields& text(const char* name, std::string& out, std::size_t most = 4'096);
    Fields& texts(const char* name, std::vector<std::string>& out, std::size_t most);
    Fields& milliseconds(const char* name, Span& out, std::uint64_t most);
    /// The field itself; null when absent.
    [[nodiscard]] const Json* raw(const char* name);
    [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
    void fail(std::string_view what);

    /// What is wrong, if anything. After all fields were read.
    [[nodiscard]] std::optional<HttpResponse> error();

  private:
    Fields() = default;

    Json json_;
    std::size_t read_ = 0;
    std::string problem_;
};

}  // namespace pulse::mock
