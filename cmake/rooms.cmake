# SPDX-License-Identifier: Apache-2.0

# deepseek_room(NAME DEPENDS room… SOURCES file…): one static library a room, deepseek::NAME.
# Every room but cli is part of the installed library.
function(deepseek_room name)
  cmake_parse_arguments(arg "" "" "DEPENDS;SOURCES" ${ARGN})
  add_library(deepseek_${name} STATIC ${arg_SOURCES})
  add_library(deepseek::${name} ALIAS deepseek_${name})
  target_include_directories(deepseek_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  if(NOT name STREQUAL "cli")
    set_property(GLOBAL APPEND PROPERTY DEEPSEEK_ROOMS deepseek_${name})
  endif()
  foreach(room IN LISTS arg_DEPENDS)
    target_link_libraries(deepseek_${name} PUBLIC deepseek_${room})
  endforeach()
endfunction()

# deepseek_tests(ROOM LIBRARIES target… SOURCES file…): the binary test_ROOM, each case a ctest.
function(deepseek_tests room)
  cmake_parse_arguments(arg "" "" "LIBRARIES;SOURCES" ${ARGN})
  add_executable(test_${room} ${arg_SOURCES})
  target_include_directories(test_${room} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(test_${room} PRIVATE ${arg_LIBRARIES} deepseek_test_support
    GTest::gtest_main)
  gtest_discover_tests(test_${room} TEST_PREFIX "${room}." NO_PRETTY_VALUES DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT 900)
endfunction()

# add_kernels(ISA FLAGS flag… SOURCES file…): files of src/kernels/ISA, the only ones built for more
# than the base instruction set. Called in src/kernels after deepseek_room(kernels …).
function(add_kernels isa)
  cmake_parse_arguments(arg "" "" "FLAGS;SOURCES" ${ARGN})
  list(TRANSFORM arg_SOURCES PREPEND ${isa}/)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False in GCC 12's AVX-512 intrinsics.
    list(APPEND arg_FLAGS -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
  set_source_files_properties(${arg_SOURCES} PROPERTIES COMPILE_OPTIONS "${arg_FLAGS}")
  target_sources(deepseek_kernels PRIVATE ${arg_SOURCES})
endfunction()
