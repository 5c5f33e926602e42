# Precompiled headers of the libraries that most sources include. They hold no header of this project, so that a
# change of ours never rebuilds them. They hide no missing include either: the clang pass of tools/lint compiles every
# source without them. -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON switches them off.
#
# gatetape_reuse_precompiled(TARGET) lets TARGET use the header for its kind of code: a target that links gmock uses
# the one with gmock, every other target the one with gRPC, abseil and the standard library.
set(precompiled_std
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/synchronization/mutex.h>
  <algorithm> <array> <atomic> <chrono> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <string>
  <string_view> <thread> <unordered_map> <utility> <variant> <vector>)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")

function(gatetape_precompiled name)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(${name} PRIVATE gatetape_options ${ARGN})
endfunction()

gatetape_precompiled(gatetape_precompiled_grpc gRPC::grpc++)
target_precompile_headers(gatetape_precompiled_grpc PRIVATE <grpcpp/grpcpp.h> ${precompiled_std})
if(GATETAPE_TESTS)
  find_package(GTest CONFIG REQUIRED)
  gatetape_precompiled(gatetape_precompiled_gmock gRPC::grpc++ GTest::gmock)
  target_precompile_headers(gatetape_precompiled_gmock PRIVATE <gmock/gmock.h> ${precompiled_std})
endif()

function(gatetape_reuse_precompiled target)
  get_target_property(libraries ${target} LINK_LIBRARIES)
  if("GTest::gmock" IN_LIST libraries)
    target_precompile_headers(${target} REUSE_FROM gatetape_precompiled_gmock)
  else()
    target_precompile_headers(${target} REUSE_FROM gatetape_precompiled_grpc)
  endif()
endfunction()
