// What it takes to give slabs of device memory to the KV cache and back: as another owner in the host's books
// (re-typed), or by mapping them behind another address (virtual memory).
#include <fmt/format.h>

#include <memory>
#include <numeric>
#include <optional>

#include "bench/cuda/bench_gpu.hpp"
#include "bench/measure/measurements.hpp"
#include "kernels/cuda/page.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu/clock.hpp"
#include "runtime/device/cuda/virtual_arena.hpp"
#include "runtime/memory/slab_pool.hpp"

namespace prophet::measure {
namespace {

constexpr const char* where = "measure boundary";

/// Memory in slabs, with a boundary that moves.
class Boundary {
 public:
  virtual ~Boundary() = default;
  virtual void move(bool to_pages, std::uint32_t slabs) = 0;
  /// Where the slabs that the last move moved lie now, as one grid, and their numbers in it.
  [[nodiscard]] virtual std::byte* base(bool at_pages) const = 0;
  [[nodiscard]] virtual std::vector<std::uint32_t> moved(bool at_pages) const = 0;
  [[nodiscard]] virtual std::uint64_t slab_bytes() const = 0;
};

class Retyped final : public Boundary {
 public:
  Retyped(BenchGpu& gpu, std::uint64_t slab_bytes, std::uint32_t slabs)
      : pool_(slabs), memory_(slab_bytes * slabs, gpu.status(), where), slab_bytes_(slab_bytes) {
    lent_.reserve(slabs);
    moved_.reserve(slabs);
  }
  void move(bool to_pages, std::uint32_t slabs) override {
    moved_.clear();
    for (std::uint32_t i = 0; i < slabs; ++i) {
      if (to_pages) {
        lent_.push_back(*pool_.take());
        moved_.push_back(lent_.back());
      } else {
        moved_.push_back(lent_.back());
        pool_.give_back(lent_.back());
        lent_.pop_back();
      }
    }
  }
  [[nodiscard]] std::byte* base(bool) const override { return memory_.data(); }
  [[nodiscard]] std::vector<std::uint32_t> moved(bool) const override {
    std::vector<std::uint32_t> slabs;
    for (const SlabId slab : moved_) slabs.push_back(slab.value);
    return slabs;
  }
  [[nodiscard]] std::uint64_t slab_bytes() const override { return slab_bytes_; }

 private:
  SlabPool pool_;
  cuda::DeviceMemory memory_;
  std::uint64_t slab_bytes_;
  std::vector<SlabId> lent_;
  std::vector<SlabId> moved_;
};

class Virtual final : public Boundary {
 public:
  Virtual(BenchGpu& gpu, std::uint64_t slab_bytes, std::uint32_t slabs)
      : arena_(gpu.gpu().ordinal, slab_bytes, slabs, gpu.status()) {}
  void move(bool to_pages, std::uint32_t slabs) override {
    arena_.give(to_pages ? cuda::Side::pages : cuda::Side::experts, slabs);
    last_ = slabs;
  }
  [[nodiscard]] std::byte* base(bool at_pages) const override { return arena_.address(side(at_pages)); }
  [[nodiscard]] std::vector<std::uint32_t> moved(bool at_pages) const override {
    std::vector<std::uint32_t> slabs(last_);
    std::iota(slabs.begin(), slabs.end(), arena_.blocks(side(at_pages)) - last_);
    return slabs;
  }
  [[nodiscard]] std::uint64_t slab_bytes() const override { return arena_.block_bytes(); }

 private:
  static cuda::Side side(bool at_pages) { return at_pages ? cuda::Side::pages : cuda::Side::experts; }

  cuda::VirtualArena arena_;
  std::uint32_t last_ = 0;
};

std::unique_ptr<Boundary> make_boundary(BenchGpu& gpu, BoundaryWay way, std::uint64_t slab_bytes,
                                        std::uint32_t slabs) {
  if (way == BoundaryWay::retyped) return std::make_unique<Retyped>(gpu, slab_bytes, slabs);
  return std::make_unique<Virtual>(gpu, slab_bytes, slabs);
}

/// Writes and verifies every page of the slabs that have just moved.
class PageCheck {
 public:
  PageCheck(BenchGpu& gpu, const Boundary& boundary, std::uint32_t page_bytes, std::uint32_t slabs)
      : gpu_(gpu),
        grid_{boundary.slab_bytes(), static_cast<std::uint32_t>(boundary.slab_bytes() / page_bytes),
              page_bytes},
        pages_(sizeof(std::uint32_t) * slabs * grid_.pages_per_slab, gpu.status(), where),
        wrong_(sizeof(std::uint64_t), gpu.status(), where) {}

  /// Device time of the first write. Throws Error{check_failed} for a page that is not what was written.
  std::uint64_t run(const Boundary& boundary, bool at_pages, std::uint64_t pattern) {
    const std::uint32_t count = list_pages(boundary.moved(at_pages));
    std::byte* const base = boundary.base(at_pages);
    const auto* const pages = reinterpret_cast<const std::uint32_t*>(pages_.data());
    const Sample write = gpu_.time_once(
        [&](cudaStream_t stream) {
          return kernels::cuda::page_fill(base, grid_, pages, pages, count, pattern, stream);
        },
        Before::idle, "page_fill");
    auto* const wrong = reinterpret_cast<std::uint64_t*>(wrong_.data());
    gpu_.status().check(
        kernels::cuda::page_verify(base, grid_, pages, pages, count, pattern, wrong, gpu_.stream()),
        "page_verify", where);
    refuse_wrong_page();
    verified_ += count;
    return write.device_ns;
  }
  [[nodiscard]] std::uint64_t verified() const noexcept { return verified_; }

 private:
  std::uint32_t list_pages(const std::vector<std::uint32_t>& slabs) {
    std::vector<std::uint32_t> pages;
    for (const std::uint32_t slab : slabs) {
      for (std::uint32_t i = 0; i < grid_.pages_per_slab; ++i)
        pages.push_back(slab * grid_.pages_per_slab + i);
    }
    gpu_.status().check(cudaMemcpyAsync(pages_.data(), pages.data(), pages.size() * sizeof(std::uint32_t),
                                        cudaMemcpyHostToDevice, gpu_.stream()),
                        "cudaMemcpyAsync", where);
    gpu_.synchronize(where);
    return static_cast<std::uint32_t>(pages.size());
  }
  void refuse_wrong_page() {
    std::uint64_t wrong = 0;
    gpu_.status().check(
        cudaMemcpyAsync(&wrong, wrong_.data(), sizeof wrong, cudaMemcpyDeviceToHost, gpu_.stream()),
        "cudaMemcpyAsync", where);
    gpu_.synchronize(where);
    if (wrong == kernels::no_wrong_byte) return;
    throw Error(
        ErrorCode::check_failed,
        fmt::format("{}: after a move byte {} of the moved pages is not what was written", where, wrong));
  }

  BenchGpu& gpu_;
  kernels::PageGrid grid_;
  cuda::DeviceMemory pages_;
  cuda::DeviceMemory wrong_;
  std::uint64_t verified_ = 0;
};

/// There and back, so often; a row for each direction.
std::vector<BoundaryRow> measure_moves(BenchGpu& gpu, BoundaryWay way, std::uint32_t slabs,
                                       const BoundaryRequest& request) {
  const auto boundary = make_boundary(gpu, way, request.slab_bytes, slabs);
  PageCheck check(gpu, *boundary, request.page_bytes, slabs);
  const Drain drain(gpu);
  std::vector<std::uint64_t> moves[2];
  std::vector<std::uint64_t> writes[2];
  const Repetitions& repetitions = request.repetitions;
  for (std::uint32_t i = 0; i < repetitions.untimed + repetitions.timed; ++i) {
    for (const bool to_pages : {true, false}) {
      const std::uint64_t begin_ns = cpu::monotonic_ns();
      boundary->move(to_pages, slabs);
      const std::uint64_t took_ns = cpu::monotonic_ns() - begin_ns;
      const std::uint64_t write_ns =
          check.run(*boundary, to_pages, request.seed + 2 * i + (to_pages ? 0 : 1));
      if (i < repetitions.untimed) continue;
      moves[to_pages ? 0 : 1].push_back(took_ns);
      writes[to_pages ? 0 : 1].push_back(write_ns);
    }
  }
  std::vector<BoundaryRow> rows;
  for (const bool to_pages : {true, false}) {
    const int at = to_pages ? 0 : 1;
    rows.push_back({way, to_pages, slabs, boundary->slab_bytes(), check.verified() / 2, summarise(moves[at]),
                    summarise(writes[at])});
  }
  return rows;
}

}  // namespace

MeasuredBoundary measure_boundary(const BoundaryRequest& request) {
  BenchGpu gpu(request.ordinal);
  MeasuredBoundary measured;
  measured.gpu = gpu.facts();
  for (const std::uint32_t slabs : request.slabs) {
    for (const BoundaryWay way : {BoundaryWay::retyped, BoundaryWay::virtual_memory}) {
      for (const BoundaryRow& row : measure_moves(gpu, way, slabs, request)) measured.rows.push_back(row);
    }
  }
  gpu.status().throw_pending();
  return measured;
}

}  // namespace prophet::measure
