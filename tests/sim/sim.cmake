# The simulation of the write path is the program `sim` (build/<preset>/tests/sim). A mutant is the same program with
# one source file that a patch of tests/sim/mutants broke.
file(GLOB sim_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cc)
set(sim_main ${CMAKE_CURRENT_LIST_DIR}/main.cc)
list(REMOVE_ITEM sim_sources ${sim_main})
add_library(gatetape_sim STATIC ${sim_sources})
target_link_libraries(gatetape_sim PUBLIC gatetape_options gatetape_gateway_session gatetape_recorder)
gatetape_reuse_precompiled(gatetape_sim)

add_library(gatetape_sim_main OBJECT ${sim_main})
target_link_libraries(gatetape_sim_main PUBLIC gatetape_sim)
add_executable(sim)
target_link_libraries(sim PRIVATE gatetape_sim_main)

# The long form runs with `ctest -C full` alone.
add_test(NAME sim.two_thousand_seeds COMMAND sim --seeds 2000 --jobs 2)
add_test(NAME sim.ten_thousand_seeds CONFIGURATIONS full COMMAND sim --seeds 10000 --jobs 2)
add_test(NAME sim.regressions COMMAND sim --regressions)
add_test(NAME fault.every_call_fails_once COMMAND sim --every-call)

# A broken copy of a file comes before the library in the link, so that the linker never takes the library's own object.
find_program(PATCH_PROGRAM patch REQUIRED)
file(GLOB mutant_patches CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/mutants/*.patch)
add_custom_target(sim_mutants)
foreach(patch_file ${mutant_patches})
  get_filename_component(mutant ${patch_file} NAME_WE)
  file(STRINGS ${patch_file} line REGEX "^--- a/" LIMIT_COUNT 1)
  string(REGEX REPLACE "^--- a/" "" source ${line})
  set(broken ${CMAKE_CURRENT_BINARY_DIR}/mutants/${mutant}.cc)
  add_custom_command(OUTPUT ${broken}
    COMMAND ${PATCH_PROGRAM} --silent --fuzz=1 -o ${broken} ${CMAKE_SOURCE_DIR}/${source} ${patch_file}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${patch_file} COMMENT "Breaking ${source}: ${mutant}")
  add_executable(sim_mutant_${mutant} ${broken})
  set_target_properties(sim_mutant_${mutant} PROPERTIES OUTPUT_NAME mutants/${mutant})
  target_link_libraries(sim_mutant_${mutant} PRIVATE gatetape_sim_main)
  gatetape_reuse_precompiled(sim_mutant_${mutant})
  add_dependencies(sim_mutants sim_mutant_${mutant})
  list(APPEND mutant_programs $<TARGET_FILE:sim_mutant_${mutant}>)
endforeach()
add_test(NAME sim.every_mutant_dies
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/every_mutant_dies ${mutant_programs})

set_tests_properties(sim.two_thousand_seeds sim.ten_thousand_seeds sim.every_mutant_dies
  PROPERTIES LABELS sim PROCESSORS 2 TIMEOUT 300)
set_tests_properties(sim.regressions PROPERTIES LABELS sim TIMEOUT 120)
set_tests_properties(fault.every_call_fails_once PROPERTIES LABELS fault TIMEOUT 120)
