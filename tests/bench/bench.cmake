# tools/bench compares the recorder with one that acknowledges on receipt. The real recorder has no option for that.
# This program is built from a broken copy of one source file, and is never installed.
set(broken ${CMAKE_CURRENT_BINARY_DIR}/on_receipt/stream.cc)
set(on_receipt ${CMAKE_CURRENT_LIST_DIR}/on_receipt.patch)
add_custom_command(OUTPUT ${broken}
  COMMAND ${PATCH_PROGRAM} --silent --fuzz=1 -o ${broken}
    ${CMAKE_SOURCE_DIR}/recorder/stream.cc ${on_receipt}
  DEPENDS ${CMAKE_SOURCE_DIR}/recorder/stream.cc ${on_receipt} COMMENT "Acknowledging on receipt")
add_executable(bench_on_receipt ${CMAKE_SOURCE_DIR}/recorder/main.cc ${broken})
set_target_properties(bench_on_receipt PROPERTIES OUTPUT_NAME on_receipt/gatetape-recorder)
target_link_libraries(bench_on_receipt PRIVATE gatetape_recorder)

# `tools/bench log` runs this program.
add_executable(bench_log ${CMAKE_CURRENT_LIST_DIR}/log_growth.cc)
target_link_libraries(bench_log PRIVATE gatetape_recorder gatetape_test_support)
gatetape_reuse_precompiled(bench_log)
