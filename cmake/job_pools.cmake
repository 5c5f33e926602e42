# Limits how many compilers and linkers run at once by the memory of the machine, because a machine with many
# processors and little memory would otherwise run out of it. Ninja also respects its own -j.
# The largest compilation (gRPC and gmock headers, -O2) needs 1.2 GB, the largest link 0.5 GB.
set(GATETAPE_COMPILE_MB 1500 CACHE STRING "Memory reserved for one compiler, in MB")
set(GATETAPE_LINK_MB 1000 CACHE STRING "Memory reserved for one linker, in MB")

cmake_host_system_information(RESULT memory_mb QUERY TOTAL_PHYSICAL_MEMORY)
if(EXISTS /sys/fs/cgroup/memory.max)
  file(STRINGS /sys/fs/cgroup/memory.max limit_bytes LIMIT_COUNT 1)
  if(limit_bytes MATCHES "^[0-9]+$")
    math(EXPR limit_mb "${limit_bytes} / 1000000")
    if(limit_mb LESS memory_mb)
      set(memory_mb ${limit_mb})
    endif()
  endif()
endif()

# jobs_by_memory(VARIABLE MB) sets VARIABLE to how many processes of that size fit into the memory, at least 1.
function(jobs_by_memory variable each_mb)
  math(EXPR jobs "${memory_mb} / ${each_mb}")
  if(jobs LESS 1)
    set(jobs 1)
  endif()
  set(${variable} ${jobs} PARENT_SCOPE)
endfunction()

jobs_by_memory(compile_jobs ${GATETAPE_COMPILE_MB})
jobs_by_memory(link_jobs ${GATETAPE_LINK_MB})
set_property(GLOBAL PROPERTY JOB_POOLS compile=${compile_jobs} link=${link_jobs})
set(CMAKE_JOB_POOL_COMPILE compile)
set(CMAKE_JOB_POOL_LINK link)
