// A resident step of the cuda device, from its plan on.
#include "runtime/device/resident_step.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/checksum.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/handles.hpp"
#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr std::uint32_t experts = 2;
constexpr std::uint32_t hidden_size = 16;
constexpr std::uint64_t expert_bytes = std::uint64_t{12} * hidden_size * 4;
constexpr std::uint64_t hidden_bytes = sizeof(float) * hidden_size;

/// One layer of experts of zeros, all of them resident, and one token that chooses the first.
class OneLayer {
 public:
  OneLayer()
      : device_(make_cuda_device({})),
        stream_(*device_, StreamRole::compute),
        memory_(*device_, MemoryKind::device, 4 * expert_bytes),
        zeros_(*device_, MemoryKind::host_pinned, 4 * expert_bytes),
        checksums_(experts, checksum_of_zeros()) {
    std::ranges::fill(device_->host_bytes(zeros_.view()), std::byte{0});
    device_->copy(stream_.id(), memory_.view(), zeros_.view(), 0);
    device_->synchronize();
  }
  [[nodiscard]] std::unique_ptr<ResidentStep> make_step() {
    ResidentStepPlan plan;
    plan.grid = {1, experts};
    plan.top_k = 1;
    plan.tokens = 1;
    plan.hidden_size = hidden_size;
    plan.dense = memory_.view().slice(0, hidden_bytes);
    plan.dense_bytes = plan.dense_stride_bytes = hidden_bytes;
    plan.slabs = memory_.view().slice(expert_bytes, experts * expert_bytes);
    plan.expert_bytes = plan.slab_stride_bytes = expert_bytes;
    plan.slab_count = experts;
    plan.hidden = memory_.view().slice(3 * expert_bytes, hidden_bytes);
    plan.outputs = memory_.view().slice(3 * expert_bytes + hidden_bytes, hidden_bytes);
    plan.checksums = checksums_;
    return device_->make_resident_step(plan);
  }
  void run(ResidentStep& step) {
    for (std::uint32_t e = 0; e < experts; ++e) step.set_slab(ExpertIndex{e}, SlabId{e});
    step.choices()[0] = 0;
    step.launch(stream_.id());
    device_->synchronize();
  }

 private:
  static std::uint64_t checksum_of_zeros() {
    const std::vector<std::byte> zeros(expert_bytes);
    return kernels::checksum(zeros);
  }

  std::unique_ptr<CudaDevice> device_;
  Stream stream_;
  Buffer memory_;
  Buffer zeros_;
  std::vector<std::uint64_t> checksums_;
};

TEST(CudaResidentStep, ItsChecksumsHaveArrivedBeforeItRunsInWhateverOrderTheDeviceWorks) {
  const vehicle::Machine machine = vehicle::machine();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    vehicle::Machine strict = machine;
    strict.strict = true;
    strict.seed = seed;
    vehicle::set_machine(strict);
    OneLayer layer;
    const auto step = layer.make_step();
    ASSERT_NE(step, nullptr);
    EXPECT_NO_THROW(layer.run(*step));
    EXPECT_FALSE(step->missing());
  }
  vehicle::set_machine(machine);
}

TEST(CudaResidentStep, ThereIsNoneWhereCudaRefusesTheGraphAndAnErrorWhereMemoryIsShort) {
  OneLayer layer;
  for (const cudaError_t refusal : {cudaErrorNotSupported, cudaErrorInvalidValue}) {
    vehicle::fail_call("cudaGraphInstantiate", 1, refusal);
    EXPECT_EQ(layer.make_step(), nullptr);
  }
  vehicle::fail_call("cudaGraphInstantiate", 1, cudaErrorMemoryAllocation);
  EXPECT_THROW(static_cast<void>(layer.make_step()), Error);
  const auto step = layer.make_step();
  ASSERT_NE(step, nullptr);
  layer.run(*step);
}

}  // namespace
}  // namespace prophet::cuda
