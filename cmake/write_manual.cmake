# SPDX-License-Identifier: Apache-2.0
# cmake -D PROGRAM=deepseek -D FOLDER=… -P write_manual.cmake
file(REMOVE_RECURSE ${FOLDER})

# print(VARIABLE argument…): what the program prints, whatever settings the caller's variables hold.
function(print variable)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env --unset=DEEPSEEK_JSON --unset=DEEPSEEK_LANG ${PROGRAM} ${ARGN}
    OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

print(page help --json)
string(JSON count LENGTH "${page}" verbs)
math(EXPR last "${count} - 1")
foreach(language IN ITEMS en zh)
  set(section man1)
  if(language STREQUAL "zh")
    set(section zh_CN/man1)
  endif()
  print(text help --man --lang ${language})
  file(WRITE ${FOLDER}/man/${section}/deepseek.1 "${text}")
  foreach(i RANGE ${last})
    string(JSON verb GET "${page}" verbs ${i} verb)
    print(text help --man ${verb} --lang ${language})
    file(WRITE ${FOLDER}/man/${section}/deepseek-${verb}.1 "${text}")
    string(JSON aliases LENGTH "${page}" verbs ${i} aliases)
    if(aliases GREATER 0)
      string(JSON alias GET "${page}" verbs ${i} aliases 0)
      file(WRITE ${FOLDER}/man/${section}/deepseek-${alias}.1 ".so man1/deepseek-${verb}.1\n")
    endif()
  endforeach()
endforeach()

foreach(place IN ITEMS bash-completion/completions/deepseek zsh/site-functions/_deepseek
                       fish/vendor_completions.d/deepseek.fish)
  string(REGEX MATCH "^[a-z]+" shell ${place})
  print(text completion ${shell} --lang en)
  file(WRITE ${FOLDER}/share/${place} "${text}")
endforeach()
file(TOUCH ${FOLDER}/written)
