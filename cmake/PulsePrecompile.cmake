# SPDX-License-Identifier: MIT OR Apache-2.0
# The standard library's headers, parsed once instead of in every file: a quarter of the time that a file takes. Few
# headers, since g++ pays for each that a file does not use. Every file still includes what it uses, which the presets
# without this (dev, tidy) hold.

option(PULSE_PRECOMPILE "Parse the standard library's headers once for all libraries and tests" ${PROJECT_IS_TOP_LEVEL})

# pulse_precompiled(<name> [PIC] HEADERS … [LINKS …])
#
# Makes what others take with pulse_precompile(<target> <name>): an empty object with the flags of our own code.
function(pulse_precompiled name)
  cmake_parse_arguments(arg "PIC" "" "HEADERS;LINKS" ${ARGN})
  if(NOT PULSE_PRECOMPILE)
    return()
  endif()
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "")
  add_library(${name} OBJECT "${source}")
  target_link_libraries(${name} PRIVATE pulse_build_flags ${arg_LINKS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ${arg_PIC})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

function(pulse_precompile target name)
  if(PULSE_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

pulse_precompiled(pulse_standard_headers PIC HEADERS
  <algorithm> <chrono> <deque> <functional> <map> <memory> <mutex> <optional> <string> <thread> <unordered_map> <variant>
  <vector>)
