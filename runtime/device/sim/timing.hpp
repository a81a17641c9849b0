#pragma once

#include <cstdint>

#include "runtime/base/random.hpp"
#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::sim {

/// What runs one operation at a time.
enum class Engine : std::uint8_t { compute, copy_up, copy_down, host };
inline constexpr std::size_t engines = 4;

/// Where an operation runs and where an expert's weights are.
enum class Placement : std::uint8_t {
  on_device,
  in_place,  ///< on the device, with weights that it reads over the link
  on_host,   ///< on the host's cores
};

/// One operation for an engine, before it is queued.
struct Work {
  const char* name = "";  ///< static storage, for the timeline
  Engine engine = Engine::compute;
  bool in_place = false;          ///< it computes and reads over the link
  std::uint64_t bytes = 0;        ///< what it copies or reads
  std::uint64_t duration_ns = 0;  ///< when it has the machine to itself
};

/// How long things take on a profile:
///   copy    copy_latency + bytes / rate of the engine; device to device runs on the compute queue at half
///   the
///           memory bandwidth, since each byte is read and written; host to host takes the upward link
///   launch  launch_latency of each of its kernels + max(bytes read / memory bandwidth, flops / compute
///   rate); in place, the weights
///           come at zero_copy_bytes_per_s; on the host, host_wake for the latency, because a thread has to
///           notice, and the host's memory bandwidth and arithmetic
/// each times a draw from [1, 1 + jitter_fraction], in the order of submission, and at most duration_max_ns.
class Timing {
 public:
  /// 39 hours: the model's fixed-point progress (see queues.hpp) stays within 64 bits.
  static constexpr std::uint64_t duration_max_ns = 1ULL << 47;

  Timing(const GpuProfile& profile, double jitter_fraction, std::uint64_t seed);

  [[nodiscard]] Work copy(MemoryKind destination, MemoryKind source, std::uint64_t bytes);
  [[nodiscard]] Work launch(const ComputeOp& op, Placement placement);
  /// Of one of the host's cores, which has its equal share of their memory bandwidth and arithmetic.
  [[nodiscard]] std::uint64_t host_thread_ns(const HostWork& work);

 private:
  struct Reads {
    const char* name;
    std::uint64_t bytes;
    std::uint64_t flops;
    std::uint32_t kernels = 1;
  };
  static Reads reads(const DenseOp& op);
  static Reads reads(const ExpertOp& op);
  static Reads reads(const CombineOp& op);
  static Reads reads(const LinearOp& op);
  static Reads reads(const PredictOp& op);
  static Reads reads(const ModelOp auto& op) { return {op.name, 0, 0}; }  // the device has refused it
  [[nodiscard]] std::uint64_t jittered(double duration_ns);

  Random random_;
  double jitter_fraction_;
  double copy_latency_ns_;
  double launch_latency_ns_;
  double up_ns_per_byte_;
  double down_ns_per_byte_;
  double memory_ns_per_byte_;
  double ns_per_flop_;
  double host_latency_ns_;
  double host_ns_per_byte_;
  double host_ns_per_flop_;
  double host_cores_;
  double in_place_ns_per_byte_;
};

}  // namespace prophet::sim
