# SPDX-License-Identifier: Apache-2.0
# cmake -D BUILD=… -D SOURCE=… -D COMPILER=… -P install_and_use.cmake
set(prefix ${BUILD}/tests/install/prefix)
set(consumer ${BUILD}/tests/install/consumer)
set(examples ${BUILD}/tests/install/examples)
file(REMOVE_RECURSE ${prefix} ${consumer} ${examples})

function(step)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
step(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
step(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install/consumer -B ${consumer}
     -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=Release)
step(${CMAKE_COMMAND} --build ${consumer})
step(${consumer}/consumer)
step(${prefix}/bin/deepseek version)
foreach(file IN ITEMS man/man1/deepseek.1 man/man1/deepseek-run.1 man/man1/deepseek-chat.1
                      man/zh_CN/man1/deepseek.1 man/zh_CN/man1/deepseek-run.1
                      bash-completion/completions/deepseek zsh/site-functions/_deepseek
                      fish/vendor_completions.d/deepseek.fish)
  if(NOT EXISTS ${prefix}/share/${file})
    message(FATAL_ERROR "share/${file} was not installed")
  endif()
endforeach()

step(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/examples -B ${examples}
     -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=Release)
step(${CMAKE_COMMAND} --build ${examples})
execute_process(COMMAND ${SOURCE}/scripts/fetch_starter --where
  OUTPUT_VARIABLE starter OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(EXISTS "${starter}")
  execute_process(COMMAND ${examples}/generate ${starter} "What is 7 plus 5?"
    OUTPUT_VARIABLE answer COMMAND_ERROR_IS_FATAL ANY)
  string(STRIP "${answer}" answer)
  if(answer STREQUAL "")
    message(FATAL_ERROR "the example answered nothing")
  endif()
  message(STATUS "the example answered: ${answer}")
else()
  message(STATUS "the starter model is not in the cache: the example was built, not run")
endif()
