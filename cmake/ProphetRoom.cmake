# prophet_room(NAME EXPORT_AS name SOURCES ... USES ... PRIVATE_USES ...)
#
# One room of the house is one static library. USES names the rooms its headers need; PRIVATE_USES names
# rooms and third-party libraries that only its sources need. The order of add_subdirectory in the top
# CMakeLists.txt and scripts/check_layers keep the direction of dependence.
add_library(prophet_flags INTERFACE)
target_compile_options(prophet_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wshadow>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${PROPHET_WERROR}>>:-Werror>)
if(PROPHET_SANITIZE)
  target_compile_options(prophet_flags INTERFACE -fsanitize=${PROPHET_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(prophet_flags INTERFACE -fsanitize=${PROPHET_SANITIZE})
  if(PROPHET_SANITIZE MATCHES undefined)
    target_compile_options(prophet_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

if(PROPHET_BUILD_FUZZERS)
  # Every room carries coverage and sanitizers; only the fuzz programs themselves link libFuzzer's main.
  target_compile_options(prophet_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(prophet_flags INTERFACE -fsanitize=address,undefined)
endif()

set_property(GLOBAL PROPERTY PROPHET_ROOMS "")

function(prophet_room name)
  cmake_parse_arguments(ROOM "" "EXPORT_AS" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  set(target prophet_${name})
  add_library(${target} STATIC ${ROOM_SOURCES})
  add_library(prophet::${ROOM_EXPORT_AS} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ROOM_EXPORT_AS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/prophet-runtime>)
  target_link_libraries(${target} PUBLIC ${ROOM_USES}
    PRIVATE ${ROOM_PRIVATE_USES} $<BUILD_INTERFACE:prophet_flags>)
  set_property(GLOBAL APPEND PROPERTY PROPHET_ROOMS ${target})
endfunction()
