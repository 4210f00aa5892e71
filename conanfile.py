# SPDX-License-Identifier: MIT OR Apache-2.0
import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy

required_conan_version = ">=2.0"


class PulseConan(ConanFile):
    name = "pulse-realtime"
    description = "Realtime engine: channels, presence and WebSocket transport as C++20 libraries"
    license = "MIT OR Apache-2.0"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    # As in CMakeLists.txt: PULSE_BUILD_SERVER, PULSE_WITH_SQLITE, PULSE_WITH_SYSTEMD and PULSE_WITH_UI
    # (with node and npm from outside).
    options = {
        "shared": [True, False],
        "with_server": [True, False],
        "with_sqlite": [True, False],
        "with_systemd": [True, False],
        "with_ui": [True, False],
    }
    default_options = {
        "shared": False,
        "with_server": False,
        "with_sqlite": True,
        "with_systemd": False,
        "with_ui": False,
        "websocketpp/*:asio": "standalone",
        "prometheus-cpp/*:with_pull": False,
        "prometheus-cpp/*:with_push": False,
    }
    exports_sources = (
        "CMakeLists.txt", "LICENSE*", "CHANGELOG.md", "cmake/*", "libs/*", "apps/*", "packaging/*",
        "docs/operations/*")

    def set_version(self):
        # The version stands once, in project().
        text = (Path(self.recipe_folder) / "CMakeLists.txt").read_text(encoding="utf-8")
        self.version = re.search(r"project\(pulse\s+VERSION (\S+)", text).group(1)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        # Seen by consumers through public headers.
        self.requires("tl-expected/1.0.0", transitive_headers=True)
        # Forced: websocketpp names an older one.
        self.requires("asio/1.28.1", transitive_headers=True, force=True)
        # Of the roblox library, OpenSSL also of others; not seen in their headers.
        self.requires("libcurl/[>=7.85 <9]")
        self.requires("openssl/[>=3.0 <4]")
        self.requires("zlib/[>=1.2.13 <2]")
        self.requires("zstd/[>=1.5 <2]")
        # Of the redis library, not seen in its headers.
        self.requires("hiredis/[>=0.14 <2]")
        # Of the cluster library, likewise.
        self.requires("cnats/[>=3.4 <4]")
        # Header-only, compiled into the libraries.
        self.requires("nlohmann_json/3.11.2", visible=False)
        self.requires("websocketpp/0.8.2", visible=False)
        if self.options.with_sqlite:
            self.requires("sqlitecpp/3.3.1")
            self.requires("sqlite3/3.45.3")
        if self.options.with_server:
            self.requires("cli11/2.3.2", visible=False)
            self.requires("fmt/10.2.1", visible=False)
            self.requires("prometheus-cpp/1.1.0", visible=False)
            self.requires("spdlog/1.13.0", visible=False)
            self.requires("tomlplusplus/3.4.0", visible=False)
        if self.options.with_systemd:
            self.requires("libsystemd/252.4", visible=False)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["PULSE_BUILD_SERVER"] = bool(self.options.with_server)
        toolchain.cache_variables["PULSE_WITH_SQLITE"] = bool(self.options.with_sqlite)
        toolchain.cache_variables["PULSE_WITH_SYSTEMD"] = bool(self.options.with_systemd)
        toolchain.cache_variables["PULSE_WITH_UI"] = bool(self.options.with_ui)
        toolchain.cache_variables["PULSE_BUILD_TESTS"] = False
        toolchain.cache_variables["PULSE_BUILD_EXAMPLES"] = False
        # Its own CMake package says where it is by this name, Conan's does not.
        websocketpp = self.dependencies["websocketpp"].cpp_info.includedirs[0]
        toolchain.cache_variables["WEBSOCKETPP_INCLUDE_DIR"] = websocketpp.replace("\\", "/")
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE*", self.source_folder, Path(self.package_folder) / "licenses")
        CMake(self).install()

    def package_info(self):
        # The installed CMake package is the one to use: it has the components.
        self.cpp_info.builddirs = ["lib/cmake/pulse"]
        self.cpp_info.set_property("cmake_find_mode", "none")
        libraries = [
            ("protocol", []),
            ("core", ["protocol", "tl-expected::tl-expected"]),
            ("transport", ["core", "asio::asio"]),
            ("roblox", ["core", "asio::asio", "libcurl::libcurl", "openssl::crypto", "zlib::zlib",
                        "zstd::zstd"]),
            ("rooms", ["core", "openssl::crypto"]),
            ("redis", ["core", "asio::asio", "hiredis::hiredis", "openssl::openssl"]),
            ("mesa", ["core", "redis", "asio::asio", "openssl::crypto"]),
            ("cluster", ["core", "redis", "asio::asio", "cnats::cnats"]),
        ]
        store = ["core", "redis", "asio::asio"]
        if self.options.with_sqlite:
            store += ["sqlitecpp::sqlitecpp", "sqlite3::sqlite3"]
        libraries.append(("store", store))
        for name, requires in libraries:
            component = self.cpp_info.components[name]
            component.libs = [f"pulse_{name}"]
            component.requires = requires
            component.set_property("pkg_config_name", f"pulse-{name}")
            if name != "protocol":
                component.system_libs = ["pthread"]
