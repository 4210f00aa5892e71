# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Install rules: the libraries as CMake package and as pkg-config modules (component "dev", and
# "runtime" for shared libraries), the server with all that goes with it (component "server").
include(CMakePackageConfigHelpers)

set(pulse_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pulse")
set(pulse_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# What an imported target of somebody else's means to a consumer of the installed libraries:
# the package that makes it (CMake), flags to compile with and flags to link with (pkg-config).
# Header-only libraries in a system's include path need no flags.
set(pulse_package_of_tl::expected tl-expected)
set(pulse_package_of_asio::asio asio)
set(pulse_cflags_of_asio::asio -DASIO_STANDALONE)
set(pulse_package_of_Threads::Threads Threads)
set(pulse_cflags_of_Threads::Threads -pthread)
set(pulse_libs_of_Threads::Threads -pthread)
set(pulse_package_of_CURL::libcurl CURL)
set(pulse_libs_of_CURL::libcurl -lcurl)
set(pulse_package_of_OpenSSL::Crypto OpenSSL)
set(pulse_libs_of_OpenSSL::Crypto -lcrypto)
set(pulse_package_of_OpenSSL::SSL OpenSSL)
set(pulse_libs_of_OpenSSL::SSL -lssl)
set(pulse_package_of_ZLIB::ZLIB ZLIB)
set(pulse_libs_of_ZLIB::ZLIB -lz)
set(pulse_package_of_zstd::libzstd zstd)
set(pulse_libs_of_zstd::libzstd -lzstd)
set(pulse_package_of_hiredis::hiredis hiredis)
set(pulse_libs_of_hiredis::hiredis -lhiredis)
set(pulse_package_of_cnats::nats cnats)
set(pulse_libs_of_cnats::nats -lnats)
set(pulse_package_of_SQLiteCpp SQLiteCpp)
set(pulse_libs_of_SQLiteCpp -lSQLiteCpp)
set(pulse_package_of_SQLite::SQLite3 SQLite3)
set(pulse_libs_of_SQLite::SQLite3 -lsqlite3)

# The facts about one library, from what it links: its line in the CMake package and its .pc file.
function(pulse_describe_library target name)
  get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
  set(components "")
  set(packages "")
  set(cflags "")
  set(libs "")
  foreach(link IN LISTS links)
    if(link MATCHES "BUILD_INTERFACE" OR NOT link)
      continue()
    endif()
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" dependency "${link}")
    if(dependency MATCHES "BUILD_INTERFACE")
      continue()
    elseif(dependency MATCHES "^pulse::(.+)$")
      list(APPEND components ${CMAKE_MATCH_1})
    elseif(DEFINED pulse_package_of_${dependency})
      list(APPEND packages ${pulse_package_of_${dependency}})
      list(APPEND cflags ${pulse_cflags_of_${dependency}})
      list(APPEND libs ${pulse_libs_of_${dependency}})
    else()
      message(FATAL_ERROR "${target} links ${dependency}: PulseInstall.cmake does not know how a "
        "consumer finds it")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES packages)
  list(REMOVE_DUPLICATES cflags)
  list(REMOVE_DUPLICATES libs)

  string(APPEND PULSE_COMPONENT_TABLE
    "set(pulse_${name}_components ${components})\nset(pulse_${name}_packages ${packages})\n")
  set(PULSE_COMPONENT_TABLE "${PULSE_COMPONENT_TABLE}" PARENT_SCOPE)

  set(PULSE_PC_NAME ${name})
  set(PULSE_PC_DESCRIPTION "Pulse, a realtime engine: ${name} library")
  list(TRANSFORM components PREPEND "pulse-")
  list(TRANSFORM components APPEND " = ${PROJECT_VERSION}")
  list(JOIN components ", " PULSE_PC_REQUIRES)
  list(TRANSFORM cflags PREPEND " ")
  list(JOIN cflags "" PULSE_PC_CFLAGS)
  list(JOIN libs " " PULSE_PC_LIBS_PRIVATE)
  # Relative, so that the tree can be moved, or installed with another prefix than configured.
  file(RELATIVE_PATH PULSE_PC_PREFIX "/${pulse_pc_dir}" "/")
  string(REGEX REPLACE "/$" "" PULSE_PC_PREFIX "${PULSE_PC_PREFIX}")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/pulse.pc.in"
    "${PROJECT_BINARY_DIR}/install/pulse-${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/install/pulse-${name}.pc" DESTINATION "${pulse_pc_dir}"
    COMPONENT dev)
endfunction()

get_property(pulse_libraries GLOBAL PROPERTY PULSE_LIBRARIES)
set(PULSE_COMPONENTS "")
set(PULSE_COMPONENT_TABLE "")
# In the order of the add_subdirectory calls, which has every library after those it links.
foreach(target IN LISTS pulse_libraries)
  get_target_property(name ${target} EXPORT_NAME)
  list(APPEND PULSE_COMPONENTS ${name})
  pulse_describe_library(${target} ${name})
  install(TARGETS ${target} EXPORT pulse-${name}-targets
    ARCHIVE COMPONENT dev
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT dev
    FILE_SET HEADERS COMPONENT dev)
  install(EXPORT pulse-${name}-targets NAMESPACE pulse:: DESTINATION "${pulse_cmake_dir}"
    COMPONENT dev)
endforeach()
string(REPLACE ";" " " PULSE_COMPONENTS "${PULSE_COMPONENTS}")
string(REPLACE ";" " " PULSE_COMPONENT_TABLE "${PULSE_COMPONENT_TABLE}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/pulse-config.cmake.in"
  "${PROJECT_BINARY_DIR}/install/pulse-config.cmake" INSTALL_DESTINATION "${pulse_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/install/pulse-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/install/pulse-config.cmake"
    "${PROJECT_BINARY_DIR}/install/pulse-config-version.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/Findasio.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/Findcnats.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/Findhiredis.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/Findzstd.cmake"
  DESTINATION "${pulse_cmake_dir}" COMPONENT dev)

if(PULSE_BUILD_SERVER)
  include(PulseInstallServer)
endif()
include(PulsePackage)
