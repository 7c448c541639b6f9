# SPDX-License-Identifier: Apache-2.0
# cmake -D BUILD=… -D SOURCE=… -D COMPILER=… -P install_and_use.cmake
set(prefix ${BUILD}/tests/install/prefix)
set(consumer ${BUILD}/tests/install/consumer)
file(REMOVE_RECURSE ${prefix} ${consumer})

function(step)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
step(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
step(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install/consumer -B ${consumer}
     -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=Release)
step(${CMAKE_COMMAND} --build ${consumer})
step(${consumer}/consumer)
step(${prefix}/bin/deepseek version)
