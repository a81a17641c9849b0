# prophet_fuzzer(NAME SOURCES ... USES ... [CORPUS dir] [MAX_LEN bytes])
#
# One libFuzzer program `fuzz_NAME` and its smoke run `fuzz.NAME.smoke` (label "fuzz"), which draws a fresh seed
# each time and prints it. The rooms in USES carry the fuzzer's instrumentation through prophet_flags. CORPUS is
# a folder of seeds; it is read only, new finds go to the build folder.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
  message(FATAL_ERROR "PROPHET_BUILD_FUZZERS=ON with ${CMAKE_CXX_COMPILER_ID}: expected clang (CMAKE_CXX_COMPILER=clang++)")
endif()

function(prophet_fuzzer name)
  cmake_parse_arguments(FUZZ "" "CORPUS;MAX_LEN" "SOURCES;USES" ${ARGN})
  if(NOT FUZZ_MAX_LEN)
    set(FUZZ_MAX_LEN 4096)
  endif()
  set(target fuzz_${name})
  add_executable(${target} ${FUZZ_SOURCES})
  target_link_libraries(${target} PRIVATE ${FUZZ_USES} prophet_flags)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  set(finds ${CMAKE_CURRENT_BINARY_DIR}/${target}.corpus)
  file(MAKE_DIRECTORY ${finds})
  add_test(NAME fuzz.${name}.smoke
    COMMAND ${target} ${finds} ${FUZZ_CORPUS} -max_total_time=5 -max_len=${FUZZ_MAX_LEN} -rss_limit_mb=1024
            -timeout=10 -print_final_stats=1 -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${target}.)
  set_tests_properties(fuzz.${name}.smoke PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
