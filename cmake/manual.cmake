# SPDX-License-Identifier: Apache-2.0
# The manual pages and shell completions, written by the program itself and installed beside it.
set(manual ${PROJECT_BINARY_DIR}/manual)
add_custom_command(
  OUTPUT ${manual}/written
  COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:deepseek> -D FOLDER=${manual}
          -P ${PROJECT_SOURCE_DIR}/cmake/write_manual.cmake
  DEPENDS deepseek ${PROJECT_SOURCE_DIR}/cmake/write_manual.cmake
  COMMENT "Writing the manual pages and completions" VERBATIM)
add_custom_target(manual ALL DEPENDS ${manual}/written)

install(DIRECTORY ${manual}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${manual}/share/ DESTINATION ${CMAKE_INSTALL_DATADIR})
