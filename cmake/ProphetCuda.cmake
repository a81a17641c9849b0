# CUDA sources and the two ways in which they are built.
#
#   PROPHET_CUDA=AUTO|ON   nvcc, for the architectures below or those of CMAKE_CUDA_ARCHITECTURES; links the
#                          static CUDA runtime, never the driver. No separable compilation: what kernels call of
#                          CUDA (cudaGraphSetConditional) is a function of the driver, as printf is.
#   PROPHET_CUDA=VEHICLE   the host compiler, against the executor and the CPU implementation of the CUDA calls in
#                          tests/cuda_on_cpu: the tests' way to run every line without a GPU. Its times are no times.
#
# Sets PROPHET_HAVE_CUDA (headers and sources are built, in either way) and PROPHET_CUDA_VEHICLE.
set(PROPHET_HAVE_CUDA OFF)
set(PROPHET_CUDA_VEHICLE OFF)
if(NOT PROPHET_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit 13 QUIET)
endif()
if(PROPHET_CUDA STREQUAL "OFF")
  # Nothing to look for.
elseif(NOT CUDAToolkit_FOUND)
  if(PROPHET_CUDA STREQUAL "ON")
    message(FATAL_ERROR "PROPHET_CUDA=ON, but no CUDA toolkit was found: expected nvcc 13 on PATH or CUDAToolkit_ROOT")
  endif()
  message(STATUS "CUDA toolkit 13 not found: everything but the CUDA parts is built")
elseif(PROPHET_CUDA STREQUAL "VEHICLE")
  set(PROPHET_HAVE_CUDA ON)
  set(PROPHET_CUDA_VEHICLE ON)
  message(STATUS "CUDA toolkit ${CUDAToolkit_VERSION}: CUDA sources are built for the CPU, as a test vehicle")
else()
  set(PROPHET_HAVE_CUDA ON)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100) # of the last also PTX, for what comes after
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc can.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  message(STATUS "CUDA toolkit ${CUDAToolkit_VERSION}: the CUDA parts are built for ${CMAKE_CUDA_ARCHITECTURES}")
endif()

# prophet_cuda_room(NAME EXPORT_AS name SOURCES ... USES ... PRIVATE_USES ...): a prophet_room with .cu sources.
# Does nothing where there is no CUDA. Host sources of CUDA code (.cpp) may stand among SOURCES.
function(prophet_cuda_room name)
  if(NOT PROPHET_HAVE_CUDA)
    return()
  endif()
  prophet_room(${name} ${ARGN})
  set(target prophet_${name})
  target_compile_definitions(${target} PUBLIC PROPHET_HAVE_CUDA)
  target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${CUDAToolkit_INCLUDE_DIRS}>)
  if(NOT PROPHET_CUDA_VEHICLE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>)
    if(PROPHET_WERROR)
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings>)
    endif()
    target_link_libraries(${target} PUBLIC CUDA::cudart_static)
    return()
  endif()
  prophet_cuda_on_cpu(${target})
endfunction()

# prophet_cuda_on_cpu(TARGET): its .cu sources are C++ for the vehicle, and it links the vehicle.
function(prophet_cuda_on_cpu target)
  get_target_property(sources ${target} SOURCES)
  set(cuda_sources ${sources})
  list(FILTER cuda_sources INCLUDE REGEX "\\.cu$")
  if(cuda_sources)
    # Products are not fused, so that a result is the same on every host.
    set_source_files_properties(${cuda_sources} PROPERTIES LANGUAGE CXX
      COMPILE_OPTIONS "-x;c++;-include;${PROJECT_SOURCE_DIR}/tests/cuda_on_cpu/simt/device_language.hpp;-ffp-contract=off;-Wno-unknown-pragmas;-Wno-sign-conversion;-Wno-unused-const-variable")
  endif()
  target_compile_definitions(${target} PUBLIC PROPHET_CUDA_ON_CPU)
  target_link_libraries(${target} PUBLIC $<BUILD_INTERFACE:prophet_cuda_on_cpu>)
endfunction()
