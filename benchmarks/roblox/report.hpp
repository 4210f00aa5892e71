// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What one of these programs prints: {"runs":[{"name":"…","figure":1.5, …}, …]}.
#pragma once

#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace pulse::bench {

class Report {
  public:
    using Figure = std::pair<std::string_view, double>;

    /// Names are plain: nothing in them needs escaping.
    void add(std::string_view name, std::initializer_list<Figure> figures) {
        text_ += text_.empty() ? "" : ",\n  ";
        text_.append(R"({"name":")").append(name).append("\"");
        for (const auto& [key, value] : figures) {
            char number[40];
            std::snprintf(number, sizeof(number), "%.6g", value);
            text_.append(",\"").append(key).append("\":").append(number);
        }
        text_ += '}';
    }
    void print() const { std::printf("{\"runs\":[\n  %s\n]}\n", text_.c_str()); }

  private:
    std::string text_;
};

}  // namespace pulse::bench
