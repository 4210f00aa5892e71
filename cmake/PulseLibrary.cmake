# SPDX-License-Identifier: MIT OR Apache-2.0

# pulse_add_library(<name> SOURCES … [PUBLIC_LINKS …] [PRIVATE_LINKS …])
#
# Makes target pulse_<name> with alias pulse::<name>: every header below include/ joins the public
# header set (each is also compiled alone), and the target joins the export when installing is on.
# Private dependencies that are header-only go in as $<BUILD_INTERFACE:…> by the caller, so that a
# consumer of the static library need not have them.
function(pulse_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC_LINKS;PRIVATE_LINKS" ${ARGN})
  set(target pulse_${name})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.hpp")

  add_library(${target} ${arg_SOURCES})
  add_library(pulse::${name} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS
    BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include" FILES ${headers})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target}
    PUBLIC ${arg_PUBLIC_LINKS}
    PRIVATE $<BUILD_INTERFACE:pulse_build_flags> ${arg_PRIVATE_LINKS})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  pulse_precompile(${target} pulse_standard_headers)
  set_property(GLOBAL APPEND PROPERTY PULSE_LIBRARIES ${target})
endfunction()
