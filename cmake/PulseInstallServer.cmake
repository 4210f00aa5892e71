# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The server with all that goes with it: component "server".
set(pulse_packaging "${PROJECT_SOURCE_DIR}/packaging")

install(TARGETS pulse-server pulse-roblox RUNTIME COMPONENT server)
install(FILES "${pulse_packaging}/pulse-server.service" "${pulse_packaging}/cluster/pulse-server@.service"
  DESTINATION lib/systemd/system COMPONENT server)

# The manual page of the configuration comes from the sample file, which the server's own table of
# keys writes; a page that is kept apart would fall behind.
set(pulse_config_man "${PROJECT_BINARY_DIR}/install/pulse.toml.5")
find_program(PULSE_AWK NAMES mawk gawk awk REQUIRED)
add_custom_command(OUTPUT "${pulse_config_man}"
  COMMAND "${PULSE_AWK}" -f "${pulse_packaging}/man/config-man.awk" "${pulse_packaging}/pulse.toml"
    > "${pulse_config_man}"
  DEPENDS "${pulse_packaging}/man/config-man.awk" "${pulse_packaging}/pulse.toml"
  VERBATIM)
add_custom_target(pulse-manual DEPENDS "${pulse_config_man}")
add_dependencies(pulse-server pulse-manual)  # whoever has built the program can install
install(FILES "${pulse_packaging}/man/pulse-server.1" "${pulse_packaging}/man/pulse-roblox.1"
  DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT server)
install(FILES "${pulse_config_man}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man5" COMPONENT server)

foreach(program IN ITEMS pulse-server pulse-roblox)
  install(FILES "${pulse_packaging}/completions/${program}.bash" RENAME ${program}
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT server)
endforeach()
install(FILES "${pulse_packaging}/completions/pulse-server.fish"
    "${pulse_packaging}/completions/pulse-roblox.fish"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT server)
# Debian's zsh looks elsewhere for what packages bring.
set(pulse_zsh_dir site-functions)
if(EXISTS /etc/debian_version)
  set(pulse_zsh_dir vendor-completions)
endif()
install(FILES "${pulse_packaging}/completions/_pulse-server"
    "${pulse_packaging}/completions/_pulse-roblox"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/${pulse_zsh_dir}" COMPONENT server)

install(FILES "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/pulse-server" COMPONENT server)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/operations/"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/pulse-server" COMPONENT server FILES_MATCHING PATTERN "*.md")
install(FILES "${pulse_packaging}/cluster/compose.yaml"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/pulse-server/examples" COMPONENT server)
install(FILES "${pulse_packaging}/deb/copyright"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/pulse-server" COMPONENT server)

# A system-wide server reads /etc/pulse, whichever of the two system prefixes it is in; any other
# prefix keeps to itself. What an administrator wrote is never overwritten. Known only when
# installing: the prefix can be given then.
install(CODE "set(source \"${pulse_packaging}/pulse.toml\")" COMPONENT server)
install(CODE [[
  set(dir "${CMAKE_INSTALL_PREFIX}/etc/pulse")
  if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
    set(dir /etc/pulse)
  endif()
  if(EXISTS "$ENV{DESTDIR}${dir}/pulse.toml")
    message(STATUS "Kept: $ENV{DESTDIR}${dir}/pulse.toml")
  else()
    file(INSTALL "${source}" DESTINATION "${dir}")
  endif()]] COMPONENT server)
