# The install: programs, the rooms as static libraries, their headers, and the two ways in which another
# project finds them: find_package(prophet) and `pkg-config prophet`. Both lists of third-party libraries come
# out of what the rooms really link; the table below says how each is found again.
include(CMakePackageConfigHelpers)

set(prophet_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/prophet)
set(prophet_header_dir ${CMAKE_INSTALL_INCLUDEDIR}/prophet-runtime)

# prophet_external(TARGET FIND "line of prophetConfig.cmake" REQUIRES pkg-config modules LIBS linker flags)
function(prophet_external target)
  cmake_parse_arguments(EXTERNAL "" "FIND" "REQUIRES;LIBS" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY PROPHET_EXTERNALS ${target})
  foreach(part IN ITEMS FIND REQUIRES LIBS)
    set_property(GLOBAL PROPERTY "PROPHET_EXTERNAL_${target}_${part}" "${EXTERNAL_${part}}")
  endforeach()
endfunction()

function(prophet_external_pkg prefix module)
  prophet_external(PkgConfig::${prefix}
    FIND "find_dependency(PkgConfig)\npkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET ${module})"
    REQUIRES ${module})
endfunction()

prophet_external(Threads::Threads FIND "find_dependency(Threads)" LIBS -pthread)
prophet_external(fmt::fmt FIND "find_dependency(fmt)" REQUIRES fmt)
prophet_external(spdlog::spdlog FIND "find_dependency(spdlog)" REQUIRES spdlog)
prophet_external(nlohmann_json::nlohmann_json FIND "find_dependency(nlohmann_json)" REQUIRES nlohmann_json)
prophet_external(CLI11::CLI11 FIND "find_dependency(CLI11)" REQUIRES CLI11)
prophet_external(LibLZMA::LibLZMA FIND "find_dependency(LibLZMA)" REQUIRES liblzma)
prophet_external(libzip::zip FIND "find_dependency(libzip)" REQUIRES libzip)
prophet_external_pkg(ZSTD libzstd)
prophet_external_pkg(OPENBLAS openblas)
prophet_external_pkg(LIBZIP libzip)
prophet_external_pkg(ZIP libzip)
prophet_external_pkg(XXHASH libxxhash)
prophet_external(CUDA::cudart_static FIND "find_dependency(CUDAToolkit)" LIBS -lcudart_static -lrt -ldl)
prophet_external(CUDA::cudart FIND "find_dependency(CUDAToolkit)" LIBS -lcudart)
prophet_external(CUDA::cublas FIND "find_dependency(CUDAToolkit)" LIBS -lcublas)
prophet_external(CUDA::nvtx3 FIND "find_dependency(CUDAToolkit)")
foreach(system_library IN ITEMS dl rt m)
  prophet_external(${system_library} LIBS -l${system_library})
endforeach()

# The third-party libraries in the link interfaces of `rooms`, each once, as they are named in the table.
function(prophet_collect_externals out)
  get_property(known GLOBAL PROPERTY PROPHET_EXTERNALS)
  set(found "")
  foreach(room IN LISTS ARGN)
    get_target_property(libraries ${room} INTERFACE_LINK_LIBRARIES)
    foreach(library IN LISTS libraries)
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" library "${library}")
      if(NOT library OR library MATCHES "BUILD_INTERFACE|^prophet(_|::)")
        continue()
      elseif(NOT library IN_LIST known)
        message(FATAL_ERROR "${room} links ${library}, which cmake/ProphetInstall.cmake does not know: "
                            "add a prophet_external line that says how users of the install find it")
      endif()
      list(APPEND found ${library})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES found)
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

get_target_property(prophet_installed_rooms prophet_runtime INTERFACE_LINK_LIBRARIES)
prophet_collect_externals(prophet_externals ${prophet_installed_rooms})

set(PROPHET_FIND_DEPENDENCIES "")
set(PROPHET_PC_REQUIRES "")
set(PROPHET_PC_LIBS "")
foreach(room IN LISTS prophet_installed_rooms)
  # A static library stands before those that it uses; rooms are listed from the bottom up.
  list(PREPEND PROPHET_PC_LIBS -l${room})
endforeach()
foreach(external IN LISTS prophet_externals)
  get_property(find GLOBAL PROPERTY "PROPHET_EXTERNAL_${external}_FIND")
  get_property(requires GLOBAL PROPERTY "PROPHET_EXTERNAL_${external}_REQUIRES")
  get_property(libs GLOBAL PROPERTY "PROPHET_EXTERNAL_${external}_LIBS")
  string(APPEND PROPHET_FIND_DEPENDENCIES "${find}\n")
  list(APPEND PROPHET_PC_REQUIRES ${requires})
  list(APPEND PROPHET_PC_LIBS ${libs})
endforeach()
list(REMOVE_DUPLICATES PROPHET_PC_REQUIRES)
list(JOIN PROPHET_PC_REQUIRES ", " PROPHET_PC_REQUIRES)
list(JOIN PROPHET_PC_LIBS " " PROPHET_PC_LIBS)

# prophet.pc finds its prefix from where it lies, so that an installed tree may be moved.
file(RELATIVE_PATH PROPHET_PC_TO_PREFIX
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/prophet.pc.in ${PROJECT_BINARY_DIR}/prophet.pc @ONLY)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/prophetConfig.cmake.in
  ${PROJECT_BINARY_DIR}/prophetConfig.cmake
  INSTALL_DESTINATION ${prophet_package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/prophetConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)

install(TARGETS prophet_runtime ${prophet_installed_rooms} EXPORT prophetTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT prophetTargets NAMESPACE prophet:: DESTINATION ${prophet_package_dir})
install(FILES ${PROJECT_BINARY_DIR}/prophetConfig.cmake ${PROJECT_BINARY_DIR}/prophetConfigVersion.cmake
  DESTINATION ${prophet_package_dir})
install(FILES ${PROJECT_BINARY_DIR}/prophet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY runtime/include/prophet DESTINATION ${prophet_header_dir} FILES_MATCHING PATTERN "*.hpp")
foreach(room IN LISTS prophet_installed_rooms)
  get_target_property(source_dir ${room} SOURCE_DIR)
  file(RELATIVE_PATH room_dir ${PROJECT_SOURCE_DIR} ${source_dir})
  install(DIRECTORY ${room_dir}/ DESTINATION ${prophet_header_dir}/${room_dir}
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
endforeach()
install(FILES LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
