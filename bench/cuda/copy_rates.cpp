// How fast bytes cross the link between host and device, in every way in which Prophet could move them.
#include <algorithm>
#include <cstring>
#include <span>

#include "bench/cuda/bench_gpu.hpp"
#include "bench/cuda/copy_pieces.hpp"
#include "bench/measure/measurements.hpp"
#include "kernels/checksum.hpp"
#include "kernels/cuda/checksum.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/cuda/pinned_memory.hpp"

#include <fmt/format.h>

namespace prophet::measure {
namespace {

constexpr const char* where = "measure copy";
constexpr CopyWay all_ways[] = {CopyWay::pinned, CopyWay::pageable, CopyWay::plain, CopyWay::batch,
                                CopyWay::zero_copy};

/// The two ends of every copy, as large as the largest.
struct Ends {
  Ends(BenchGpu& gpu, std::uint64_t size_bytes, std::uint64_t seed)
      : pageable(size_bytes),
        sent(size_bytes),
        pinned(size_bytes, gpu.gpu().numa_node, gpu.status()),
        device(size_bytes, gpu.status(), where),
        sum(sizeof(std::uint64_t), gpu.status(), where) {
    Random random(seed);
    for (std::size_t i = 0; i + 8 <= sent.size(); i += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(sent.data() + i, &word, sizeof word);
    }
  }

  std::vector<std::byte> pageable;
  std::vector<std::byte> sent;  ///< what every copy carries
  cuda::PinnedMemory pinned;
  cuda::DeviceMemory device;
  cuda::DeviceMemory sum;
};

std::byte* host_end(Ends& ends, CopyWay way) {
  return way == CopyWay::pageable ? ends.pageable.data() : ends.pinned.data();
}

/// Zero-copy: the kernel reads or writes the pinned memory through its mapping.
cudaError_t read_through_mapping(Ends& ends, const CopyRow& row, cudaStream_t stream) {
  const bool down = row.direction == Direction::to_host;
  std::byte* const to = down ? ends.pinned.device_data() : ends.device.data();
  const std::byte* const from = down ? ends.device.data() : ends.pinned.device_data();
  return kernels::cuda::copy_with_checksum(to, from, row.bytes,
                                           reinterpret_cast<std::uint64_t*>(ends.sum.data()), stream);
}

Launch copy_of(Ends& ends, const CopyRow& row, std::uint32_t copies) {
  if (row.way == CopyWay::zero_copy)
    return [&ends, row](cudaStream_t stream) { return read_through_mapping(ends, row, stream); };
  const CopyPieces pieces = cut(host_end(ends, row.way), ends.device.data(), row, copies);
  if (row.way == CopyWay::batch)
    return [pieces](cudaStream_t stream) { return submit_batch(pieces, stream); };
  return [pieces](cudaStream_t stream) { return submit_plain(pieces, stream); };
}

/// Puts what is to be sent at the copies' source, and nothing of it at their destination.
void prepare(BenchGpu& gpu, Ends& ends, const CopyRow& row) {
  std::byte* const host = host_end(ends, row.way);
  const bool down = row.direction == Direction::to_host;
  if (!down) std::memcpy(host, ends.sent.data(), row.bytes);
  gpu.status().check(cudaMemsetAsync(ends.device.data(), 0, row.bytes, gpu.stream()), "cudaMemsetAsync",
                     where);
  if (down) {
    gpu.status().check(cudaMemcpyAsync(ends.device.data(), ends.sent.data(), row.bytes,
                                       cudaMemcpyHostToDevice, gpu.stream()),
                       "cudaMemcpyAsync", where);
  }
  gpu.synchronize(where);
  if (down) std::memset(host, 0, row.bytes);
}

/// Every piece lies where it should, byte for byte.
void verify(BenchGpu& gpu, Ends& ends, const CopyRow& row) {
  std::vector<std::byte> arrived(row.bytes);
  if (row.direction == Direction::to_host) {
    std::memcpy(arrived.data(), host_end(ends, row.way), row.bytes);
  } else {
    gpu.status().check(
        cudaMemcpyAsync(arrived.data(), ends.device.data(), row.bytes, cudaMemcpyDeviceToHost, gpu.stream()),
        "cudaMemcpyAsync", where);
    gpu.synchronize(where);
  }
  if (is_reordered(ends.sent.data(), arrived.data(), row)) return;
  throw Error(ErrorCode::check_failed,
              fmt::format("{}: {} bytes, {}, {}: what arrived is not what was sent", where, row.bytes,
                          direction_name(row.direction), copy_way_name(row.way)));
}

CopyRow measure_row(BenchGpu& gpu, Ends& ends, CopyRow row, const CopyRequest& request) {
  prepare(gpu, ends, row);
  // A copy of pageable memory is submitted as it proceeds: something before it would only hide its beginning.
  const Before before = row.way == CopyWay::pageable ? Before::idle : Before::cache_swept;
  const Launch launch = copy_of(ends, row, request.copies);
  const std::vector<Sample> samples = gpu.time(launch, before, request.repetitions, copy_way_name(row.way));
  verify(gpu, ends, row);
  row.time = device_timing(samples);
  row.submit = submit_timing(samples);
  return row;
}

std::vector<CopyRow> measure_rows(BenchGpu& gpu, const CopyRequest& request, std::string& pinned) {
  const std::uint64_t largest = *std::max_element(request.sizes_bytes.begin(), request.sizes_bytes.end());
  Ends ends(gpu, largest, request.seed);
  const Drain drain(gpu);
  pinned = describe(ends.pinned.report());
  std::vector<CopyRow> rows;
  for (const Direction direction : {Direction::to_device, Direction::to_host}) {
    for (const std::uint64_t size_bytes : request.sizes_bytes) {
      for (const CopyWay way : all_ways) {
        CopyRow row{.direction = direction, .way = way, .bytes = size_bytes};
        if (way == CopyWay::plain || way == CopyWay::batch) row.copies = request.copies;
        rows.push_back(measure_row(gpu, ends, row, request));
      }
    }
  }
  return rows;
}

}  // namespace

MeasuredCopies measure_copies(const CopyRequest& request) {
  BenchGpu gpu(request.ordinal);
  MeasuredCopies measured;
  measured.gpu = gpu.facts();
  measured.rows = measure_rows(gpu, request, measured.gpu.pinned);
  gpu.status().throw_pending();
  return measured;
}

}  // namespace prophet::measure
