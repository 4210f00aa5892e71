// SPDX-License-Identifier: MIT OR Apache-2.0
#include "properties.hpp"

#include "number.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pulse::rooms {

namespace {

struct Property {
    std::string name;
    std::optional<std::uint32_t> index;
    std::string_view value;
};

void append(std::string& out, const Property& property) {
    if (out.size() > 1) out += ',';
    json::append_text(out, property.name);
    out.append(":").append(property.value);
}

}  // namespace

Properties make_properties(json::Value data) {
    Properties made;
    if (!data.is(json::Type::object)) return made;
    std::vector<Property> all;
    std::unordered_map<std::string, std::size_t> places;
    json::Members members(data);
    while (const auto member = members.next()) {
        std::string name = json::Value{member->key}.text();
        const auto [place, is_new] = places.try_emplace(name, all.size());
        if (is_new) {
            const auto index = array_index(name);
            all.push_back({std::move(name), index, member->value.raw});
        } else {
            all[place->second].value = member->value.raw;
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Property& a, const Property& b) {
        if (a.index && b.index) return *a.index < *b.index;
        return a.index.has_value() && !b.index.has_value();
    });
    made.all = made.open = "{";
    for (const Property& property : all) {
        append(made.all, property);
        const bool is_private = property.name.starts_with('_') || property.name == "subscriptions";
        if (!is_private) append(made.open, property);
    }
    made.all += '}';
    made.open += '}';
    return made;
}

}  // namespace pulse::rooms
