# SPDX-License-Identifier: MIT OR Apache-2.0
# What Debian's package brings for CMake names files that are not in it. Makes cnats::nats from what
# everybody has.
find_path(CNATS_INCLUDE_DIR nats/nats.h)
find_library(CNATS_LIBRARY nats)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cnats REQUIRED_VARS CNATS_LIBRARY CNATS_INCLUDE_DIR)
if(cnats_FOUND AND NOT TARGET cnats::nats)
  add_library(cnats::nats UNKNOWN IMPORTED)
  set_target_properties(cnats::nats PROPERTIES
    IMPORTED_LOCATION "${CNATS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CNATS_INCLUDE_DIR}")
endif()
mark_as_advanced(CNATS_INCLUDE_DIR CNATS_LIBRARY)
