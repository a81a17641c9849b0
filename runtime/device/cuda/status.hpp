#pragma once

#include <cuda_runtime_api.h>

#include <optional>
#include <string>

#include "prophet/error.hpp"

namespace prophet::cuda {

/// True for the codes after which, as CUDA documents them, "any further CUDA work will return the same error"
/// and the process must end: CUDA Runtime API 13.0, cudaError_t; and for those of a GPU that is gone.
[[nodiscard]] bool is_unrecoverable(cudaError_t result) noexcept;

/// What a code means to the user of `prophet`. Success has no meaning here.
[[nodiscard]] ErrorCode meaning_of(cudaError_t result) noexcept;

/// "copy: cudaMemcpyAsync says cudaErrorInvalidValue (invalid argument)".
[[nodiscard]] std::string sentence_of(cudaError_t result, const char* call, const char* where);

/// Every status of CUDA goes through one of these. Latches the loss of the device: from then on nothing of it
/// is asked any more, because a call may hang and every answer is the same.
///
/// Thread safety: none; belongs to the thread that calls the device.
class Status {
 public:
  /// Throws Error for anything but success. `call` is CUDA's name of the function, `where` what Prophet was
  /// doing.
  void check(cudaError_t result, const char* call, const char* where) {
    if (result != cudaSuccess) refuse(result, call, where);
  }
  /// False for cudaErrorNotReady, which is no error but which CUDA remembers as the thread's last one, so
  /// that it is forgotten here; true for success; throws as check for anything else.
  [[nodiscard]] bool is_done(cudaError_t result, const char* call, const char* where);
  /// For calls that may not throw: keeps the first error for throw_pending. Returns whether it was success.
  bool note(cudaError_t result, const char* call, const char* where) noexcept;
  /// The same for an error that has been thrown already.
  void keep(const Error& error) noexcept {
    if (!pending_) pending_ = error;  // the first is the cause; what follows is its consequence
  }
  /// Throws Error{device_lost} when it is. At the head of every call but free and destroy.
  void refuse_if_lost(const char* where) const {
    if (lost_) refuse_lost(where);
  }
  /// Throws what note has kept, once.
  void throw_pending();

  [[nodiscard]] bool lost() const noexcept { return lost_; }

  /// While something is handed to the device. CUDA may answer almost any call with the error of an operation
  /// that was submitted before it, so nobody knows what such an answer is about. A caller that takes it for a
  /// refusal of this one operation, and goes on without, must not have been the last to hear of it: what is
  /// thrown meanwhile is also kept for throw_pending.
  class Submission {
   public:
    explicit Submission(Status& status) noexcept : status_(status) { status.submitting_ = true; }
    Submission(const Submission&) = delete;
    Submission& operator=(const Submission&) = delete;
    ~Submission() { status_.submitting_ = false; }

   private:
    Status& status_;
  };

 private:
  [[noreturn]] void refuse(cudaError_t result, const char* call, const char* where);
  [[noreturn]] static void refuse_lost(const char* where);

  bool lost_ = false;
  bool submitting_ = false;
  std::optional<Error> pending_;
};

}  // namespace prophet::cuda
