#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure/kernel_work.hpp"
#include "bench/measure/roofline.hpp"
#include "bench/measure/timing.hpp"
#include "kernels/expert_layout.hpp"

/// The seam between the `prophet measure` commands and the CUDA that they run on: bench/cuda/ where there is
/// a toolkit, no_cuda_measurements.cpp else.
namespace prophet::measure {

/// The GPU that was measured.
struct MeasuredGpu {
  std::string name;
  int ordinal = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t l2_bytes = 0;
  int compute_major = 0;
  int compute_minor = 0;
  kernels::ExpertRates peak_rates;   ///< of its clocks and widths, by which the cuda device chooses
  std::string pinned;                ///< how the pinned store memory came about; empty where none was used
  bool times_mean_something = true;  ///< false on the test vehicle: no time may be printed
};

/// Every measurement is repeated so often, after so many untimed ones.
struct Repetitions {
  std::uint32_t timed = 20;
  std::uint32_t untimed = 3;
};

enum class Direction : std::uint8_t { to_device, to_host };
enum class CopyWay : std::uint8_t {
  pinned,     ///< one cudaMemcpyAsync from or to the pinned store memory
  pageable,   ///< the same with ordinary memory
  plain,      ///< n cudaMemcpyAsync that together copy as many bytes
  batch,      ///< the same n copies in one cudaMemcpyBatchAsync
  zero_copy,  ///< a kernel of ours that reads or writes the pinned memory through its mapping
};
[[nodiscard]] const char* direction_name(Direction direction) noexcept;
[[nodiscard]] const char* copy_way_name(CopyWay way) noexcept;

struct CopyRequest {
  int ordinal = 0;
  std::vector<std::uint64_t> sizes_bytes;  ///< each a multiple of 16 * copies
  std::uint32_t copies = 16;               ///< n of `plain` and `batch`
  Repetitions repetitions;
  std::uint64_t seed = 1;
};
struct CopyRow {
  Direction direction = Direction::to_device;
  CopyWay way = CopyWay::pinned;
  std::uint64_t bytes = 0;  ///< of all copies of the row together
  std::uint32_t copies = 1;
  Timing time{};    ///< on the device's clock, between events before and behind the copies
  Timing submit{};  ///< host time of the calls that submit them
};
struct MeasuredCopies {
  MeasuredGpu gpu;
  std::vector<CopyRow> rows;
};
/// Compares what arrives with what was sent: Error{check_failed} where it differs. Throws Error{no_device},
/// Error{out_of_memory}, Error{device_lost}.
[[nodiscard]] MeasuredCopies measure_copies(const CopyRequest& request);

struct KernelRequest {
  int ordinal = 0;
  std::vector<std::string> models;            ///< of kernel_shape_names()
  std::vector<std::string> only;              ///< parts of launchers' names; none: all of them
  std::vector<std::uint32_t> crossover_rows;  ///< of one expert, ascending; none: no crossover
  Repetitions repetitions;
  std::uint64_t seed = 1;
};
struct KernelRow {
  std::string kernel;  ///< the launcher
  std::string model;
  std::string detail;  ///< what the shape does not say: "mxfp4"
  ShapeNumbers shape;
  Work work;
  Timing time{};
};
/// Both ways to compute experts, at one number of rows of each.
struct CrossoverRow {
  std::string model;
  kernels::ExpertFormat format = kernels::ExpertFormat::fp32;
  std::uint32_t experts = 0;
  std::uint32_t rows = 0;
  Work few_work;
  Work many_work;
  Timing few{};   ///< expert_ffn_list
  Timing many{};  ///< expert_ffn_blas
};
struct MeasuredKernels {
  MeasuredGpu gpu;
  std::vector<KernelRow> rows;
  std::vector<CrossoverRow> crossover;
};
[[nodiscard]] MeasuredKernels measure_kernels(const KernelRequest& request);

enum class BoundaryWay : std::uint8_t {
  retyped,         ///< the host's books alone
  ordered,         ///< and the event calls between the tenants' streams
  compacted,       ///< and slabs come back full of live pages, which move first; its host waits for them
  virtual_memory,  ///< blocks mapped behind the other range
};
[[nodiscard]] const char* boundary_way_name(BoundaryWay way) noexcept;

struct BoundaryRequest {
  int ordinal = 0;
  std::uint64_t slab_bytes = 0;      ///< a multiple of page_bytes; virtual memory rounds it up
  std::uint32_t page_bytes = 0;      ///< a multiple of 16
  std::vector<std::uint32_t> slabs;  ///< of one move
  Repetitions repetitions;
  std::uint64_t seed = 1;
};
struct BoundaryRow {
  BoundaryWay way = BoundaryWay::retyped;
  bool to_pages = true;
  std::uint32_t slabs = 0;
  std::uint64_t slab_bytes = 0;
  std::uint64_t pages_verified = 0;  ///< after all moves of this row together
  Timing move{};                     ///< host time, with an idle device; compacted to experts: until moved
  Timing first_write{};              ///< on the device's clock: a pattern into every page that moved
};
struct MeasuredBoundary {
  MeasuredGpu gpu;
  std::vector<BoundaryRow> rows;
};
/// After each move every page of the slabs that moved is written and verified on the device:
/// Error{check_failed} where one is not what was written.
[[nodiscard]] MeasuredBoundary measure_boundary(const BoundaryRequest& request);

}  // namespace prophet::measure
