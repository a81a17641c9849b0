#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "kernels/parts.hpp"
#include "runtime/device/cpu/operation.hpp"

namespace prophet::cpu {

/// Workspace of one worker, aligned to 64 bytes. Grows to the largest operation seen; keeps no contents.
class Scratch {
 public:
  /// Room for `count` floats; allocates only when it is more than ever before. Throws std::bad_alloc.
  [[nodiscard]] float* floats(std::size_t count);

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(float* data) const noexcept { ::operator delete(data, alignment); }
  };

  std::unique_ptr<float, Free> data_;
  std::size_t capacity_ = 0;
};

/// Runs the work of an operation on the calling thread. Throws Error{check_failed} when a slab does not hold
/// what it should (nothing is computed then) and Error{usage} when the reference refuses the shapes.
void execute(const DenseWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const ExpertWork& work, std::uint64_t tag, Scratch& scratch);
/// The same, its parts computed by `runner`: same bits. What is thrown is thrown before it is given any.
void execute(const ExpertWork& work, std::uint64_t tag, Scratch& scratch, kernels::PartRunner& runner);
void execute(const CombineWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const EmbedWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const NormWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const LinearWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const RotaryWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const KvAppendWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const AttentionWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const RouteWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const MixWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const ActivateWork& work, std::uint64_t tag, Scratch& scratch);
void execute(const PredictWork& work, std::uint64_t tag, Scratch& scratch);

}  // namespace prophet::cpu
