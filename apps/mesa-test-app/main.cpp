// SPDX-License-Identifier: MIT OR Apache-2.0
//
// mesa-test-app server|dispatcher|portal '<options JSON>' '<app JSON>'
//
// Commands come as JSON on standard input, one per line; what happens is said on standard output in
// the same way. docs/protocol/mesa.md, "Test application", has both.
#include "apps.hpp"

#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace {

constexpr int kUsage = 2;

}  // namespace

int main(int argc, char** argv) {
    using namespace pulse::mesa_test;
    if (argc < 2 || argc > 4) {
        std::cerr
            << "usage: mesa-test-app server|dispatcher|portal '<options JSON>' '<app JSON>'\n";
        return kUsage;
    }
    const std::string_view kind = argv[1];
    try {
        const Json options = Json::parse(argc > 2 ? argv[2] : "{}");
        const Json app = Json::parse(argc > 3 ? argv[3] : "{}");
        if (!options.is_object() || !app.is_object()) {
            std::cerr << "mesa-test-app: options are JSON objects\n";
            return kUsage;
        }
        if (kind == "server") return run_server(options, app);
        if (kind == "dispatcher") return run_dispatcher(options, app);
        if (kind == "portal") return run_portal(options, app);
        std::cerr << "mesa-test-app: what is " << kind << "?\n";
        return kUsage;
    } catch (const std::exception& error) {
        std::cerr << "mesa-test-app: " << error.what() << '\n';
        return 1;
    }
}
