# SPDX-License-Identifier: MIT OR Apache-2.0
# What holds for every target here: language level, warnings, sanitizers, build type. Nothing in
# this file reaches a consumer of the installed package.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

find_package(Threads REQUIRED)
include(GNUInstallDirs)
include(CheckIPOSupported)

# Flags of our own code only: linked PRIVATE, kept out of the export by BUILD_INTERFACE.
add_library(pulse_build_flags INTERFACE)
target_compile_features(pulse_build_flags INTERFACE cxx_std_20)
target_compile_options(pulse_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  $<$<BOOL:${PULSE_WERROR}>:-Werror>
  # g++ 12 sees uninitialised members in moved std::optional values, and overlapping copies in
  # std::string concatenation (its bugs 105329 and 105651), where there are none.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

if(PULSE_SANITIZE)
  add_compile_options(-fsanitize=${PULSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PULSE_SANITIZE})
endif()

if(PULSE_LTO)
  check_ipo_supported(RESULT pulse_ipo OUTPUT pulse_ipo_why LANGUAGES CXX)
  if(pulse_ipo)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  else()
    message(WARNING "PULSE_LTO asked for, not available: ${pulse_ipo_why}")
  endif()
endif()
