// What it takes to give slabs of device memory to the KV cache and back: as another owner in the host's books
// (re-typed), with the event calls that keep the tenants apart, with pages that must move first, or by
// mapping slabs behind another address (virtual memory).
#include <fmt/format.h>

#include <algorithm>
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
  /// Where what was in those slabs has gone, slab by slab; nothing when it did not matter.
  [[nodiscard]] virtual std::vector<std::uint32_t> kept() const { return {}; }
  [[nodiscard]] virtual std::uint64_t slab_bytes() const = 0;
};

/// The host's books alone.
class Retyped : public Boundary {
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

 protected:
  SlabPool pool_;
  cuda::DeviceMemory memory_;
  std::uint64_t slab_bytes_;
  std::vector<SlabId> lent_;
  std::vector<SlabId> moved_;
};

/// The books, and the calls that SlabLender and KvTenant make beside them: one wait for a slab's readers and
/// one for its copies when it is lent; when it comes back, the pages' stream behind the kernels, and the two
/// streams of copies for experts behind that. As on the cuda device, nobody waits for an event that has
/// passed.
class Ordered : public Retyped {
 public:
  Ordered(BenchGpu& gpu, std::uint64_t slab_bytes, std::uint32_t slabs)
      : Retyped(gpu, slab_bytes, slabs),
        status_(gpu.status()),
        pages_(status_, 0),
        compute_(status_, 0),
        demand_(status_, 0),
        prefetch_(status_, 0),
        experts_done_(status_, cudaEventDisableTiming),
        pages_done_(status_, cudaEventDisableTiming),
        compute_done_(status_, cudaEventDisableTiming) {
    record(demand_, experts_done_);
  }
  /// No copy outlives the memory, also when a move has thrown.
  ~Ordered() override {
    if (!status_.lost()) status_.note(cudaStreamSynchronize(pages_.get()), "cudaStreamSynchronize", where);
  }
  void move(bool to_pages, std::uint32_t slabs) override {
    Retyped::move(to_pages, slabs);
    for (std::uint32_t i = 0; i < slabs; ++i) {
      if (to_pages) {
        for (int reader_or_copy = 0; reader_or_copy < 2; ++reader_or_copy) wait(pages_, experts_done_);
      } else {
        order(compute_, compute_done_, pages_);
        give_back();
      }
    }
    if (to_pages) order(pages_, pages_done_, compute_);
  }

 protected:
  void give_back() {
    order(pages_, pages_done_, demand_);
    wait(prefetch_, pages_done_);
  }
  void order(const cuda::OwnedStream& first, const cuda::OwnedEvent& event, const cuda::OwnedStream& then) {
    record(first, event);
    wait(then, event);
  }
  void record(const cuda::OwnedStream& stream, const cuda::OwnedEvent& event) {
    status_.check(cudaEventRecord(event.get(), stream.get()), "cudaEventRecord", where);
  }
  void wait(const cuda::OwnedStream& stream, const cuda::OwnedEvent& event) {
    if (status_.is_done(cudaEventQuery(event.get()), "cudaEventQuery", where)) return;
    status_.check(cudaStreamWaitEvent(stream.get(), event.get(), cudaEventWaitDefault), "cudaStreamWaitEvent",
                  where);
  }

  cuda::Status& status_;
  cuda::OwnedStream pages_;
  cuda::OwnedStream compute_;
  cuda::OwnedStream demand_;
  cuda::OwnedStream prefetch_;
  cuda::OwnedEvent experts_done_;
  cuda::OwnedEvent pages_done_;
  cuda::OwnedEvent compute_done_;
};

/// Slabs come back full of live pages, which first go to as many other slabs. The move ends when an expert
/// may be copied there: the only way whose host waits for the device.
class Compacted final : public Ordered {
 public:
  Compacted(BenchGpu& gpu, std::uint64_t slab_bytes, std::uint32_t slabs)
      : Ordered(gpu, slab_bytes, 2 * slabs) {
    for (std::uint32_t i = 0; i < slabs; ++i) spare_.push_back(pool_.take()->value);
  }
  void move(bool to_pages, std::uint32_t slabs) override {
    if (to_pages) return Ordered::move(to_pages, slabs);
    Retyped::move(to_pages, slabs);
    order(compute_, compute_done_, pages_);
    for (std::uint32_t i = 0; i < slabs; ++i)
      copy(spare_[slabs - 1 - i], moved_[i].value);  // last lent first
    order(pages_, pages_done_, compute_);
    status_.check(cudaEventSynchronize(pages_done_.get()), "cudaEventSynchronize", where);
    for (std::uint32_t i = 0; i < slabs; ++i) give_back();
  }
  [[nodiscard]] std::vector<std::uint32_t> kept() const override { return spare_; }

 private:
  static constexpr std::uint64_t copy_bytes = 2ULL << 20;  ///< as PageCopier cuts them; slabs are a multiple

  void copy(std::uint32_t to, std::uint32_t from) {
    for (std::uint64_t at = 0; at < slab_bytes_; at += copy_bytes) {
      status_.check(
          cudaMemcpyAsync(memory_.data() + to * slab_bytes_ + at, memory_.data() + from * slab_bytes_ + at,
                          std::min(copy_bytes, slab_bytes_ - at), cudaMemcpyDeviceToDevice, pages_.get()),
          "cudaMemcpyAsync", where);
    }
  }

  std::vector<std::uint32_t> spare_;
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
  switch (way) {
    case BoundaryWay::retyped:
      return std::make_unique<Retyped>(gpu, slab_bytes, slabs);
    case BoundaryWay::ordered:
      return std::make_unique<Ordered>(gpu, slab_bytes, slabs);
    case BoundaryWay::compacted:
      return std::make_unique<Compacted>(gpu, slab_bytes, slabs);
    case BoundaryWay::virtual_memory:
      break;
  }
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
        kept_(sizeof(std::uint32_t) * slabs * grid_.pages_per_slab, gpu.status(), where),
        wrong_(sizeof(std::uint64_t), gpu.status(), where) {}

  /// Device time of the first write. Throws Error{check_failed} for a page that is not what was written.
  std::uint64_t run(const Boundary& boundary, bool at_pages, std::uint64_t pattern) {
    const std::uint32_t count = list_pages(boundary.moved(at_pages), pages_);
    std::byte* const base = boundary.base(at_pages);
    const auto* const pages = reinterpret_cast<const std::uint32_t*>(pages_.data());
    const Sample write = gpu_.time_once(
        [&](cudaStream_t stream) {
          return kernels::cuda::page_fill(base, grid_, pages, pages, count, pattern, stream);
        },
        Before::idle, "page_fill");
    verify(base, pages, pages, count, pattern);
    verified_ += count;
    return write.device_ns;
  }
  /// What the latest run has written must be where the boundary says that it has been kept.
  void run_kept(const Boundary& boundary, std::uint64_t pattern) {
    const std::vector<std::uint32_t> slabs = boundary.kept();
    if (slabs.empty()) return;
    const std::uint32_t count = list_pages(slabs, kept_);
    verify(boundary.base(true), reinterpret_cast<const std::uint32_t*>(kept_.data()),
           reinterpret_cast<const std::uint32_t*>(pages_.data()), count, pattern);
  }
  [[nodiscard]] std::uint64_t verified() const noexcept { return verified_; }

 private:
  void verify(const std::byte* base, const std::uint32_t* pages, const std::uint32_t* ids,
              std::uint32_t count, std::uint64_t pattern) {
    auto* const wrong = reinterpret_cast<std::uint64_t*>(wrong_.data());
    gpu_.status().check(
        kernels::cuda::page_verify(base, grid_, pages, ids, count, pattern, wrong, gpu_.stream()),
        "page_verify", where);
    refuse_wrong_page();
  }
  std::uint32_t list_pages(const std::vector<std::uint32_t>& slabs, cuda::DeviceMemory& list) {
    std::vector<std::uint32_t> pages;
    for (const std::uint32_t slab : slabs) {
      for (std::uint32_t i = 0; i < grid_.pages_per_slab; ++i)
        pages.push_back(slab * grid_.pages_per_slab + i);
    }
    gpu_.status().check(cudaMemcpyAsync(list.data(), pages.data(), pages.size() * sizeof(std::uint32_t),
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
  cuda::DeviceMemory pages_;  ///< of the latest run
  cuda::DeviceMemory kept_;
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
      if (!to_pages) check.run_kept(*boundary, request.seed + 2 * i);
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
    for (const BoundaryWay way :
         {BoundaryWay::retyped, BoundaryWay::ordered, BoundaryWay::compacted, BoundaryWay::virtual_memory}) {
      for (const BoundaryRow& row : measure_moves(gpu, way, slabs, request)) measured.rows.push_back(row);
    }
  }
  gpu.status().throw_pending();
  return measured;
}

}  // namespace prophet::measure
