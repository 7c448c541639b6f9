# SPDX-License-Identifier: Apache-2.0
# The library that others link, deepseek::deepseek: every room in one shared object, found with
# find_package(deepseek), and the program beside it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY DEEPSEEK_ROOMS)
list(TRANSFORM rooms REPLACE ".+" "$<TARGET_OBJECTS:\\0>" OUTPUT_VARIABLE objects)
add_library(deepseek_library SHARED ${objects})
add_library(deepseek::deepseek ALIAS deepseek_library)
target_link_libraries(deepseek_library PRIVATE ${rooms})  # for what the rooms link to
target_link_options(deepseek_library PRIVATE -Wl,-Bsymbolic-functions)
target_sources(deepseek_library PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
  FILES ${PROJECT_SOURCE_DIR}/include/deepseek/deepseek.h
        ${PROJECT_SOURCE_DIR}/include/deepseek/error.h)
target_compile_features(deepseek_library PUBLIC cxx_std_20)
set_target_properties(deepseek_library PROPERTIES
  OUTPUT_NAME deepseek EXPORT_NAME deepseek
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

install(TARGETS deepseek)
install(TARGETS deepseek_library EXPORT deepseekTargets FILE_SET HEADERS)
install(EXPORT deepseekTargets NAMESPACE deepseek::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/deepseek)
configure_package_config_file(cmake/deepseekConfig.cmake.in
  ${PROJECT_BINARY_DIR}/deepseekConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/deepseek)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/deepseekConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/deepseekConfig.cmake
              ${PROJECT_BINARY_DIR}/deepseekConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/deepseek)
