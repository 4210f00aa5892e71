# SPDX-License-Identifier: MIT OR Apache-2.0
#
#   cmake -DNPM=… -DFROM=… -DINTO=… -P PulseNpmInstall.cmake
#
# The packages of FROM's lock file, in INTO/node_modules. No package's own script is run.
file(MAKE_DIRECTORY "${INTO}")
file(COPY "${FROM}/package.json" "${FROM}/package-lock.json" DESTINATION "${INTO}")
execute_process(
  COMMAND "${NPM}" ci --no-audit --no-fund --ignore-scripts --loglevel=error
  WORKING_DIRECTORY "${INTO}" RESULT_VARIABLE result OUTPUT_QUIET)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "npm ci failed (${result}). The web page needs its packages from the npm "
    "registry; configure with -DPULSE_WITH_UI=OFF to build without the page.")
endif()
