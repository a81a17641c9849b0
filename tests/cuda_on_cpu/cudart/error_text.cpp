// The runtime's error codes by name, with CUDA's own words for those that Prophet meets.
#include <driver_types.h>

#include <algorithm>
#include <array>

#include "tests/cuda_on_cpu/cudart/device_figures.hpp"

namespace prophet::cuda_on_cpu {
namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define PROPHET_CUDA_ERROR(name, text) \
  ErrorText {                          \
    name, #name, text                  \
  }
constexpr std::array errors = {
    PROPHET_CUDA_ERROR(cudaSuccess, "no error"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidValue, "invalid argument"),
    PROPHET_CUDA_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    PROPHET_CUDA_ERROR(cudaErrorInitializationError, "initialization error"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    PROPHET_CUDA_ERROR(cudaErrorInsufficientDriver,
                       "CUDA driver version is insufficient for CUDA runtime version"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    PROPHET_CUDA_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    PROPHET_CUDA_ERROR(cudaErrorDeviceUninitialized, "invalid device context"),
    PROPHET_CUDA_ERROR(cudaErrorMapBufferObjectFailed, "mapping of buffer object failed"),
    PROPHET_CUDA_ERROR(cudaErrorAlreadyMapped, "resource already mapped"),
    PROPHET_CUDA_ERROR(cudaErrorNotMapped, "resource not mapped"),
    PROPHET_CUDA_ERROR(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
    PROPHET_CUDA_ERROR(cudaErrorOperatingSystem, "OS call failed or operation not supported on this OS"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    PROPHET_CUDA_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    PROPHET_CUDA_ERROR(cudaErrorSymbolNotFound, "named symbol not found"),
    PROPHET_CUDA_ERROR(cudaErrorNotReady, "device not ready"),
    PROPHET_CUDA_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    PROPHET_CUDA_ERROR(cudaErrorAssert, "device-side assert triggered"),
    PROPHET_CUDA_ERROR(cudaErrorHostMemoryAlreadyRegistered,
                       "part or all of the requested memory range is already mapped"),
    PROPHET_CUDA_ERROR(cudaErrorHostMemoryNotRegistered,
                       "pointer does not correspond to a registered memory region"),
    PROPHET_CUDA_ERROR(cudaErrorHardwareStackError, "hardware stack error"),
    PROPHET_CUDA_ERROR(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    PROPHET_CUDA_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidAddressSpace,
                       "operation not supported on global/shared address space"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidPc, "invalid program counter"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    PROPHET_CUDA_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    PROPHET_CUDA_ERROR(cudaErrorNotSupported, "operation not supported"),
    PROPHET_CUDA_ERROR(cudaErrorSystemDriverMismatch,
                       "system has unsupported display driver / cuda driver combination"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureInvalidated,
                       "operation failed due to a previous error during capture"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureMerge,
                       "operation would result in a merge of separate capture sequences"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureUnmatched,
                       "capture was not ended in the same stream as it began"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureIsolation,
                       "dependency created on uncaptured work in another stream"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureImplicit,
                       "operation would make the legacy stream depend on a capturing blocking stream"),
    PROPHET_CUDA_ERROR(cudaErrorCapturedEvent,
                       "operation not permitted on an event last recorded in a capturing stream"),
    PROPHET_CUDA_ERROR(cudaErrorGraphExecUpdateFailure,
                       "the graph update was not performed because it included changes which violated "
                       "constraints specific to instantiated graph update"),
    PROPHET_CUDA_ERROR(cudaErrorUnknown, "unknown error"),
    PROPHET_CUDA_ERROR(cudaErrorCudartUnloading, "cudart unloading"),
    PROPHET_CUDA_ERROR(cudaErrorProfilerDisabled, "profiler disabled"),
    PROPHET_CUDA_ERROR(cudaErrorProfilerNotInitialized, "profiler not initialized"),
    PROPHET_CUDA_ERROR(cudaErrorProfilerAlreadyStarted, "profiler already started"),
    PROPHET_CUDA_ERROR(cudaErrorProfilerAlreadyStopped, "profiler already stopped"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidPitchValue, "invalid pitch value"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidSymbol, "invalid symbol"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidHostPointer, "invalid host pointer"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidTexture, "invalid texture"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidTextureBinding, "invalid texture binding"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidChannelDescriptor, "invalid channel descriptor"),
    PROPHET_CUDA_ERROR(cudaErrorAddressOfConstant, "address of constant"),
    PROPHET_CUDA_ERROR(cudaErrorTextureFetchFailed, "texture fetch failed"),
    PROPHET_CUDA_ERROR(cudaErrorTextureNotBound, "texture not bound"),
    PROPHET_CUDA_ERROR(cudaErrorSynchronizationError, "synchronization error"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidFilterSetting, "invalid filter setting"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidNormSetting, "invalid norm setting"),
    PROPHET_CUDA_ERROR(cudaErrorMixedDeviceExecution, "mixed device execution"),
    PROPHET_CUDA_ERROR(cudaErrorNotYetImplemented, "not yet implemented"),
    PROPHET_CUDA_ERROR(cudaErrorMemoryValueTooLarge, "memory value too large"),
    PROPHET_CUDA_ERROR(cudaErrorStubLibrary, "stub library"),
    PROPHET_CUDA_ERROR(cudaErrorCallRequiresNewerDriver, "call requires newer driver"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidSurface, "invalid surface"),
    PROPHET_CUDA_ERROR(cudaErrorDuplicateVariableName, "duplicate variable name"),
    PROPHET_CUDA_ERROR(cudaErrorDuplicateTextureName, "duplicate texture name"),
    PROPHET_CUDA_ERROR(cudaErrorDuplicateSurfaceName, "duplicate surface name"),
    PROPHET_CUDA_ERROR(cudaErrorDevicesUnavailable, "devices unavailable"),
    PROPHET_CUDA_ERROR(cudaErrorIncompatibleDriverContext, "incompatible driver context"),
    PROPHET_CUDA_ERROR(cudaErrorMissingConfiguration, "missing configuration"),
    PROPHET_CUDA_ERROR(cudaErrorPriorLaunchFailure, "prior launch failure"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchMaxDepthExceeded, "launch max depth exceeded"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchFileScopedTex, "launch file scoped tex"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchFileScopedSurf, "launch file scoped surf"),
    PROPHET_CUDA_ERROR(cudaErrorSyncDepthExceeded, "sync depth exceeded"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchPendingCountExceeded, "launch pending count exceeded"),
    PROPHET_CUDA_ERROR(cudaErrorDeviceNotLicensed, "device not licensed"),
    PROPHET_CUDA_ERROR(cudaErrorSoftwareValidityNotEstablished, "software validity not established"),
    PROPHET_CUDA_ERROR(cudaErrorStartupFailure, "startup failure"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidKernelImage, "invalid kernel image"),
    PROPHET_CUDA_ERROR(cudaErrorUnmapBufferObjectFailed, "unmap buffer object failed"),
    PROPHET_CUDA_ERROR(cudaErrorArrayIsMapped, "array is mapped"),
    PROPHET_CUDA_ERROR(cudaErrorNoKernelImageForDevice, "no kernel image for device"),
    PROPHET_CUDA_ERROR(cudaErrorAlreadyAcquired, "already acquired"),
    PROPHET_CUDA_ERROR(cudaErrorNotMappedAsArray, "not mapped as array"),
    PROPHET_CUDA_ERROR(cudaErrorNotMappedAsPointer, "not mapped as pointer"),
    PROPHET_CUDA_ERROR(cudaErrorUnsupportedLimit, "unsupported limit"),
    PROPHET_CUDA_ERROR(cudaErrorDeviceAlreadyInUse, "device already in use"),
    PROPHET_CUDA_ERROR(cudaErrorPeerAccessUnsupported, "peer access unsupported"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidPtx, "invalid ptx"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidGraphicsContext, "invalid graphics context"),
    PROPHET_CUDA_ERROR(cudaErrorNvlinkUncorrectable, "nvlink uncorrectable"),
    PROPHET_CUDA_ERROR(cudaErrorJitCompilerNotFound, "jit compiler not found"),
    PROPHET_CUDA_ERROR(cudaErrorUnsupportedPtxVersion, "unsupported ptx version"),
    PROPHET_CUDA_ERROR(cudaErrorJitCompilationDisabled, "jit compilation disabled"),
    PROPHET_CUDA_ERROR(cudaErrorUnsupportedExecAffinity, "unsupported exec affinity"),
    PROPHET_CUDA_ERROR(cudaErrorUnsupportedDevSideSync, "unsupported dev side sync"),
    PROPHET_CUDA_ERROR(cudaErrorContained, "contained"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidSource, "invalid source"),
    PROPHET_CUDA_ERROR(cudaErrorFileNotFound, "file not found"),
    PROPHET_CUDA_ERROR(cudaErrorSharedObjectSymbolNotFound, "shared object symbol not found"),
    PROPHET_CUDA_ERROR(cudaErrorSharedObjectInitFailed, "shared object init failed"),
    PROPHET_CUDA_ERROR(cudaErrorLossyQuery, "lossy query"),
    PROPHET_CUDA_ERROR(cudaErrorLaunchIncompatibleTexturing, "launch incompatible texturing"),
    PROPHET_CUDA_ERROR(cudaErrorPeerAccessAlreadyEnabled, "peer access already enabled"),
    PROPHET_CUDA_ERROR(cudaErrorPeerAccessNotEnabled, "peer access not enabled"),
    PROPHET_CUDA_ERROR(cudaErrorSetOnActiveProcess, "set on active process"),
    PROPHET_CUDA_ERROR(cudaErrorContextIsDestroyed, "context is destroyed"),
    PROPHET_CUDA_ERROR(cudaErrorTooManyPeers, "too many peers"),
    PROPHET_CUDA_ERROR(cudaErrorCooperativeLaunchTooLarge, "cooperative launch too large"),
    PROPHET_CUDA_ERROR(cudaErrorTensorMemoryLeak, "tensor memory leak"),
    PROPHET_CUDA_ERROR(cudaErrorSystemNotReady, "system not ready"),
    PROPHET_CUDA_ERROR(cudaErrorCompatNotSupportedOnDevice, "compat not supported on device"),
    PROPHET_CUDA_ERROR(cudaErrorMpsConnectionFailed, "mps connection failed"),
    PROPHET_CUDA_ERROR(cudaErrorMpsRpcFailure, "mps rpc failure"),
    PROPHET_CUDA_ERROR(cudaErrorMpsServerNotReady, "mps server not ready"),
    PROPHET_CUDA_ERROR(cudaErrorMpsMaxClientsReached, "mps max clients reached"),
    PROPHET_CUDA_ERROR(cudaErrorMpsMaxConnectionsReached, "mps max connections reached"),
    PROPHET_CUDA_ERROR(cudaErrorMpsClientTerminated, "mps client terminated"),
    PROPHET_CUDA_ERROR(cudaErrorCdpNotSupported, "cdp not supported"),
    PROPHET_CUDA_ERROR(cudaErrorCdpVersionMismatch, "cdp version mismatch"),
    PROPHET_CUDA_ERROR(cudaErrorStreamCaptureWrongThread, "stream capture wrong thread"),
    PROPHET_CUDA_ERROR(cudaErrorTimeout, "timeout"),
    PROPHET_CUDA_ERROR(cudaErrorExternalDevice, "external device"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidClusterSize, "invalid cluster size"),
    PROPHET_CUDA_ERROR(cudaErrorFunctionNotLoaded, "function not loaded"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidResourceType, "invalid resource type"),
    PROPHET_CUDA_ERROR(cudaErrorInvalidResourceConfiguration, "invalid resource configuration"),
};
#undef PROPHET_CUDA_ERROR

const ErrorText* find(int error) {
  const auto found = std::find_if(errors.begin(), errors.end(), [error](const ErrorText& entry) {
    return static_cast<int>(entry.error) == error;
  });
  return found == errors.end() ? nullptr : &*found;
}

}  // namespace

const char* error_name(int error) {
  const ErrorText* found = find(error);
  return found == nullptr ? "unrecognized error code" : found->name;
}

const char* error_text(int error) {
  const ErrorText* found = find(error);
  return found == nullptr ? "unrecognized error code" : found->text;
}

}  // namespace prophet::cuda_on_cpu
