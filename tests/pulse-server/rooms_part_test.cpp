// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rooms_part.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <string>

using namespace pulse::server;
using pulse::test::TempDir;

TEST_CASE("places are read from a file, or it is said where it is wrong", "[server][rooms]") {
    const TempDir directory;
    const std::string path = (directory.path() / "places.csv").string();
    CHECK(load_places("").value() == nullptr);
    CHECK(load_places(path).error() ==
          "rooms.places_file: " + path + ": No such file or directory");
    std::ofstream(path) << "network,city\n192.0.2.0/24,Here\n";
    const auto places = load_places(path);
    REQUIRE(places.has_value());
    pulse::core::PeerAddress address{{192, 0, 2, 7}, 0, false};
    CHECK((*places)->find(address) == pulse::rooms::Places::Facts{{"city", "Here"}});
    std::ofstream(path) << "network,city\n192.0.2.0/24,Here\nnowhere,There\n";
    CHECK(load_places(path).error() == "rooms.places_file: " + path + ":3: that is no network");
}

TEST_CASE("what rooms can change while they run is said to be live", "[server][rooms]") {
    for (const auto& row : kRoomsRows) {
        const std::string_view name = row.info.name;
        const bool is_fixed = name == "enabled" || name == "api_key" || name == "api_key_file" ||
                              name == "counter_value" || name == "own_not_found";
        INFO(std::string(name));
        CHECK(row.info.live == !is_fixed);
    }
}
