# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Debian packages, one per component: cpack -G DEB in the build folder.
#
# Debian's libpulse-dev, and the user "pulse", are PulseAudio's: ours are called otherwise.
set(CPACK_PACKAGE_NAME pulse)
set(CPACK_PACKAGE_VENDOR "The Pulse authors")
set(CPACK_PACKAGE_CONTACT "The Pulse authors")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR DEB)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# The version stands in the name of no directory, so a rebuild replaces what was there.
set(CPACK_OUTPUT_FILE_PREFIX "${PROJECT_BINARY_DIR}")

if(PULSE_BUILD_SERVER)
  list(APPEND CPACK_COMPONENTS_ALL server)
  set(CPACK_COMPONENT_SERVER_DESCRIPTION "realtime server: channels over WebSocket
 Serves clients that subscribe to named channels, publish to them and see who
 else is there, with history, limits, metrics and draining shutdown.")
  set(CPACK_DEBIAN_SERVER_PACKAGE_NAME pulse-server)
  set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
  set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS adduser)
  set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/packaging/deb/conffiles"
    "${PROJECT_SOURCE_DIR}/packaging/deb/postinst"
    "${PROJECT_SOURCE_DIR}/packaging/deb/prerm"
    "${PROJECT_SOURCE_DIR}/packaging/deb/postrm")
endif()

set(CPACK_COMPONENT_DEV_DESCRIPTION "realtime engine: C++ libraries
 Headers, libraries, CMake package and pkg-config modules of Pulse: the codec
 alone, the engine in process, its WebSocket and HTTP transport, durable state.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libpulse-realtime-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
# What the public headers of core and transport include.
# The last four: what a program with the static roblox and rooms libraries links.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
  "libexpected-dev, libasio-dev, libcurl4-openssl-dev, libssl-dev, zlib1g-dev, libzstd-dev, libhiredis-dev")
if(PULSE_WITH_NATS)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libnats-dev")
endif()
if(PULSE_WITH_SQLITE)  # a static library brings nothing along
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libsqlitecpp-dev")
endif()

if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL runtime)
  set(pulse_soversion "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
  set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "realtime engine: shared C++ libraries
 What programs built with libpulse-realtime-dev need to run.")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libpulse-realtime${pulse_soversion}")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    ", libpulse-realtime${pulse_soversion} (= ${PROJECT_VERSION}-1)")
  # The server links the libraries of the package beside it.
  foreach(target IN LISTS pulse_libraries)
    get_target_property(dir ${target} BINARY_DIR)
    list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${dir}")
  endforeach()
  string(APPEND CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS
    ", libpulse-realtime${pulse_soversion} (= ${PROJECT_VERSION}-1)")
endif()

install(FILES "${PROJECT_SOURCE_DIR}/packaging/deb/copyright"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libpulse-realtime-dev" COMPONENT dev)

# A program that carries Pulse along makes packages of its own.
if(PROJECT_IS_TOP_LEVEL)
  include(CPack)
endif()
