# Fuzz targets: NAME_fuzz.cc makes the program fuzz_NAME, and a test replays corpus/NAME with it. With GATETAPE_FUZZ
# (preset fuzz, which needs clang) the program is a libFuzzer binary, which tools/fuzz runs. Only the parsers of the
# folders with heavy libraries are compiled in.
add_library(gatetape_fuzz_parts STATIC
  ${CMAKE_SOURCE_DIR}/auditd/query/like.cc
  ${CMAKE_SOURCE_DIR}/auditd/query/search_pattern.cc
  ${CMAKE_SOURCE_DIR}/auditd/query/session_name.cc
  ${CMAKE_SOURCE_DIR}/auditd/query/session_reader.cc
  ${CMAKE_SOURCE_DIR}/gateway/ssh/login_name.cc
  ${CMAKE_SOURCE_DIR}/formats/ssh_certificate.cc
  ${CMAKE_SOURCE_DIR}/recorder/ingest.cc
  ${CMAKE_SOURCE_DIR}/tee/gate.cc
  ${CMAKE_SOURCE_DIR}/tee/spool.cc
  ${CMAKE_SOURCE_DIR}/client/cast.cc
  ${CMAKE_SOURCE_DIR}/client/frame_role.cc
  ${CMAKE_SOURCE_DIR}/client/newlines.cc
  ${CMAKE_SOURCE_DIR}/client/output.cc
  ${CMAKE_SOURCE_DIR}/client/screen_size.cc
  ${CMAKE_SOURCE_DIR}/tools/cli/play_clip.cc
  ${CMAKE_SOURCE_DIR}/tools/cli/play_filter.cc
  ${CMAKE_SOURCE_DIR}/client/text_filter.cc
  ${CMAKE_SOURCE_DIR}/client/times.cc
  ${CMAKE_SOURCE_DIR}/client/utf8_stream.cc
  ${CMAKE_SOURCE_DIR}/client/vt_scanner.cc
  ${CMAKE_SOURCE_DIR}/tools/cli/x509.cc)
target_link_libraries(gatetape_fuzz_parts PUBLIC gatetape_policy gatetape_log gatetape_bundle gatetape_wire gatetape_base_db)
gatetape_reuse_precompiled(gatetape_fuzz_parts)

if(NOT GATETAPE_FUZZ)
  add_library(gatetape_fuzz_main OBJECT ${CMAKE_CURRENT_LIST_DIR}/replay.cc)
  target_link_libraries(gatetape_fuzz_main PUBLIC gatetape_fuzz_parts)
endif()

add_custom_target(fuzz)
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_fuzz.cc)
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  add_executable(fuzz_${name} ${source})
  gatetape_reuse_precompiled(fuzz_${name})
  add_dependencies(fuzz fuzz_${name})
  set(corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
  if(GATETAPE_FUZZ)
    target_link_libraries(fuzz_${name} PRIVATE gatetape_fuzz_parts -fsanitize=fuzzer)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -runs=0 ${corpus})
  else()
    target_link_libraries(fuzz_${name} PRIVATE gatetape_fuzz_main)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${corpus})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endforeach()
