# Mutants of adapter files, which the simulator does not link. Each patch of tests/e2e/mutants breaks one source file of
# gateway/, recorder/ or base/db/. Its first line says in one sentence what is broken; its second line,
# `Dies in: e2e.NAME [CLASS.METHOD]`, names the end-to-end test that must fail. The target e2e_mutants builds, for each
# patch, a folder with the broken program and links to the other programs, and the full tier runs that test on it.
file(GLOB patches CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/mutants/*.patch)
add_custom_target(e2e_mutants)
set(programs gatetape gatetape-gateway gatetape-recorder gatetape-auditd)
foreach(patch ${patches})
  get_filename_component(mutant ${patch} NAME_WE)
  file(STRINGS ${patch} line REGEX "^--- a/" LIMIT_COUNT 1)
  string(REGEX REPLACE "^--- a/" "" source ${line})
  file(STRINGS ${patch} line REGEX "^Dies in: e2e\\." LIMIT_COUNT 1)
  string(REGEX REPLACE "^Dies in: e2e\\." "" dies_in ${line})
  separate_arguments(dies_in)
  # base/db is part of several programs. The recorder is the one that writes.
  set(part recorder)
  set(library gatetape_recorder)
  if(source MATCHES "^gateway/")
    set(part gateway)
    set(library gatetape_gateway_ssh)
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/e2e_mutants/${mutant})
  set(broken ${folder}/broken.cc)
  add_custom_command(OUTPUT ${broken}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${PATCH_PROGRAM} --silent --fuzz=1 -o ${broken} ${CMAKE_SOURCE_DIR}/${source} ${patch}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${patch} COMMENT "Breaking ${source}: ${mutant}")
  # The broken copy comes before the library in the link, so that the linker never takes the library's own object.
  add_executable(e2e_mutant_${mutant} EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/${part}/main.cc ${broken})
  target_link_libraries(e2e_mutant_${mutant} PRIVATE ${library})
  set_target_properties(e2e_mutant_${mutant} PROPERTIES
    OUTPUT_NAME gatetape-${part} RUNTIME_OUTPUT_DIRECTORY ${folder})
  # Hard links, because `gatetape up` starts the daemons that lie in the folder of its own file.
  foreach(program ${programs})
    if(NOT program STREQUAL "gatetape-${part}")
      add_custom_command(TARGET e2e_mutant_${mutant} POST_BUILD COMMAND ${CMAKE_COMMAND} -E rm -f ${folder}/${program}
        COMMAND ${CMAKE_COMMAND} -E create_hardlink $<TARGET_FILE:${program}> ${folder}/${program})
      add_dependencies(e2e_mutant_${mutant} ${program})
    endif()
  endforeach()
  add_dependencies(e2e_mutants e2e_mutant_${mutant})
  # A test of the configuration `full` runs only with `ctest -C full`, which the test preset full passes.
  add_test(NAME mutants.${mutant} CONFIGURATIONS full
    COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/mutant_dies.py ${dies_in})
  set_tests_properties(mutants.${mutant} PROPERTIES LABELS mutants TIMEOUT 600
    ENVIRONMENT
    "GATETAPE_BIN=${folder};GATETAPE_TIER=quick;GATETAPE_MIGRATIONS=${CMAKE_SOURCE_DIR}/migrations")
endforeach()
