#include "runtime/device/cuda/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace prophet::cuda {
namespace {

constexpr std::array unrecoverable = {
    cudaErrorIllegalAddress,
    cudaErrorLaunchTimeout,
    cudaErrorContextIsDestroyed,
    cudaErrorAssert,
    cudaErrorHardwareStackError,
    cudaErrorIllegalInstruction,
    cudaErrorMisalignedAddress,
    cudaErrorInvalidAddressSpace,
    cudaErrorInvalidPc,
    cudaErrorLaunchFailure,
    cudaErrorTensorMemoryLeak,
    cudaErrorECCUncorrectable,
    cudaErrorContained,
    cudaErrorNvlinkUncorrectable,
    cudaErrorMpsClientTerminated,
    cudaErrorExternalDevice,
    cudaErrorDevicesUnavailable,
    cudaErrorCudartUnloading,
    cudaErrorUnknown,
};

/// What stands in the way of using the GPU at all.
constexpr std::array unusable = {
    cudaErrorNoDevice,
    cudaErrorInvalidDevice,
    cudaErrorInsufficientDriver,
    cudaErrorCallRequiresNewerDriver,
    cudaErrorSystemDriverMismatch,
    cudaErrorCompatNotSupportedOnDevice,
    cudaErrorSystemNotReady,
    cudaErrorInitializationError,
    cudaErrorStubLibrary,
    cudaErrorDeviceNotLicensed,
    cudaErrorDeviceUninitialized,
    cudaErrorNoKernelImageForDevice,
    cudaErrorUnsupportedPtxVersion,
    cudaErrorMpsConnectionFailed,
    cudaErrorMpsServerNotReady,
    cudaErrorMpsMaxClientsReached,
};

template <std::size_t size>
bool contains(const std::array<cudaError, size>& codes, cudaError_t result) noexcept {
  return std::find(codes.begin(), codes.end(), result) != codes.end();
}

}  // namespace

bool is_unrecoverable(cudaError_t result) noexcept {
  return contains(unrecoverable, result);
}

ErrorCode meaning_of(cudaError_t result) noexcept {
  if (is_unrecoverable(result)) return ErrorCode::device_lost;
  if (result == cudaErrorMemoryAllocation) return ErrorCode::out_of_memory;
  if (contains(unusable, result)) return ErrorCode::no_device;
  return ErrorCode::check_failed;  // CUDA refuses what this program holds to be valid
}

std::string sentence_of(cudaError_t result, const char* call, const char* where) {
  return fmt::format("{}: {} says {} ({}){}", where, call, cudaGetErrorName(result),
                     cudaGetErrorString(result),
                     is_unrecoverable(result) ? "; the device is lost for the life of this process" : "");
}

bool Status::note(cudaError_t result, const char* call, const char* where) noexcept {
  if (result == cudaSuccess) return true;
  lost_ = lost_ || is_unrecoverable(result);
  if (!lost_) static_cast<void>(cudaGetLastError());
  try {
    keep(Error(meaning_of(result), sentence_of(result, call, where)));
  } catch (...) {
    // No memory for the sentence: a lost device still says so at the next call.
  }
  return false;
}

bool Status::is_done(cudaError_t result, const char* call, const char* where) {
  if (result == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());
    return false;
  }
  check(result, call, where);
  return true;
}

void Status::throw_pending() {
  if (!pending_) return;
  const Error error = *std::exchange(pending_, std::nullopt);
  throw error;
}

void Status::refuse(cudaError_t result, const char* call, const char* where) {
  lost_ = lost_ || is_unrecoverable(result);
  if (!lost_) static_cast<void>(cudaGetLastError());  // or whoever asks for it next would hear of it again
  const Error error(meaning_of(result), sentence_of(result, call, where));
  if (submitting_) keep(error);
  throw error;
}

void Status::refuse_lost(const char* where) {
  throw Error(ErrorCode::device_lost,
              fmt::format("{}: the device was lost before, nothing but free and destroy is possible", where));
}

}  // namespace prophet::cuda
