# Mutated bundles: what two verifiers say about each of them (README). The program links the folders that a verifier
# needs and no other, so that it also shows that these suffice.
add_executable(bundle_mutations ${CMAKE_CURRENT_LIST_DIR}/main.cc ${CMAKE_CURRENT_LIST_DIR}/mutants.cc
  ${CMAKE_CURRENT_LIST_DIR}/byte_kinds.cc ${CMAKE_CURRENT_LIST_DIR}/member_kinds.cc
  ${CMAKE_CURRENT_LIST_DIR}/frame_kinds.cc ${CMAKE_CURRENT_LIST_DIR}/signed_kinds.cc)
target_link_libraries(bundle_mutations PRIVATE gatetape_bundle)
gatetape_reuse_precompiled(bundle_mutations)
add_test(NAME mutations.bundles COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/mutations_test.py
  $<TARGET_FILE:bundle_mutations>)
set_tests_properties(mutations.bundles PROPERTIES LABELS unit TIMEOUT 1800)
