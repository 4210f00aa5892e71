# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The web pages of pulse-server, from apps/pulse-server/ui (the operator's) and rooms-ui (the rooms' demos) into the
# program. Afterwards PULSE_UI_SOURCES are the files that define embedded_ui() and embedded_rooms_pages(), and
# PULSE_UI_BUNDLE the folder with the operator's page, if there is one.
#
# They are made of npm packages that package-lock.json names by their contents; `npm ci` fetches them into
# the build folder, nothing is written to the source.
find_program(PULSE_NODE node)
find_program(PULSE_NPM npm)
set(pulse_has_npm OFF)
if(PULSE_NODE AND PULSE_NPM)
  set(pulse_has_npm ON)
endif()
option(PULSE_WITH_UI "Build the web pages into pulse-server (needs node and npm)" ${pulse_has_npm})

set(pulse_server_dir "${PROJECT_SOURCE_DIR}/apps/pulse-server")
set(PULSE_UI_SOURCES "${pulse_server_dir}/ui_absent.cpp")
set(PULSE_UI_BUNDLE "")
if(NOT PULSE_WITH_UI)
  message(STATUS "pulse-server is built without its web pages (PULSE_WITH_UI)")
  return()
endif()
if(NOT pulse_has_npm)
  message(FATAL_ERROR "The web pages need node (${PULSE_NODE}) and npm (${PULSE_NPM}); "
    "-DPULSE_WITH_UI=OFF does without the pages.")
endif()

set(pulse_ui "${pulse_server_dir}/ui")
set(pulse_ui_build "${PROJECT_BINARY_DIR}/ui")
set(PULSE_UI_BUNDLE "${pulse_ui_build}/bundle")
set(PULSE_UI_SOURCES "${pulse_ui_build}/ui_bundle.cpp" "${pulse_ui_build}/rooms_bundle.cpp")
file(GLOB_RECURSE pulse_ui_sources CONFIGURE_DEPENDS "${pulse_ui}/src/*")
set(pulse_rooms_ui "${pulse_server_dir}/rooms-ui")
file(GLOB_RECURSE pulse_rooms_ui_sources CONFIGURE_DEPENDS "${pulse_rooms_ui}/src/*")

add_custom_command(OUTPUT "${pulse_ui_build}/packages.stamp"
  COMMAND "${CMAKE_COMMAND}" "-DNPM=${PULSE_NPM}" "-DFROM=${pulse_ui}" "-DINTO=${pulse_ui_build}"
    -P "${PROJECT_SOURCE_DIR}/cmake/PulseNpmInstall.cmake"
  COMMAND "${CMAKE_COMMAND}" -E touch "${pulse_ui_build}/packages.stamp"
  DEPENDS "${pulse_ui}/package.json" "${pulse_ui}/package-lock.json"
    "${PROJECT_SOURCE_DIR}/cmake/PulseNpmInstall.cmake"
  COMMENT "Fetching what the web page is made of"
  VERBATIM)
add_custom_command(OUTPUT "${pulse_ui_build}/ui_bundle.cpp"
  COMMAND "${PULSE_NODE}" "${pulse_ui}/bundle.mjs" "${pulse_ui_build}" "${PULSE_UI_BUNDLE}"
  COMMAND "${PULSE_NODE}" "${pulse_ui}/embed.mjs" "${PULSE_UI_BUNDLE}" "${pulse_ui_build}/ui_bundle.cpp"
    embedded_ui
  DEPENDS "${pulse_ui_build}/packages.stamp" "${pulse_ui}/bundle.mjs" "${pulse_ui}/bundling.mjs"
    "${pulse_ui}/embed.mjs" ${pulse_ui_sources}
  COMMENT "Bundling the web page"
  VERBATIM)
add_custom_command(OUTPUT "${pulse_ui_build}/rooms_bundle.cpp"
  COMMAND "${PULSE_NODE}" "${pulse_rooms_ui}/bundle.mjs" "${pulse_ui_build}" "${pulse_ui_build}/rooms"
  COMMAND "${PULSE_NODE}" "${pulse_ui}/embed.mjs" "${pulse_ui_build}/rooms"
    "${pulse_ui_build}/rooms_bundle.cpp" embedded_rooms_pages
  DEPENDS "${pulse_ui_build}/packages.stamp" "${pulse_rooms_ui}/bundle.mjs" "${pulse_rooms_ui}/land.mjs"
    "${pulse_ui}/bundling.mjs" "${pulse_ui}/embed.mjs" ${pulse_rooms_ui_sources} ${pulse_ui_sources}
  COMMENT "Bundling the demo pages of the rooms"
  VERBATIM)
