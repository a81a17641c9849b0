#include "bench/cuda/copy_pieces.hpp"

#include <fmt/format.h>

#include <cstring>

namespace prophet::measure {

std::uint32_t place_of(std::uint32_t piece, std::uint32_t count) noexcept {
  return count - 1 - piece;
}

CopyPieces cut(std::byte* host, std::byte* device, const CopyRow& row, std::uint32_t copies) {
  const bool in_pieces = row.way == CopyWay::plain || row.way == CopyWay::batch;
  const std::uint32_t count = in_pieces ? copies : 1;
  const std::uint64_t piece_bytes = row.bytes / count;
  const bool down = row.direction == Direction::to_host;
  CopyPieces pieces;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::byte* const source = (down ? device : host) + i * piece_bytes;
    std::byte* const destination = (down ? host : device) + place_of(i, count) * piece_bytes;
    pieces.sources.push_back(source);
    pieces.destinations.push_back(destination);
    pieces.sizes.push_back(piece_bytes);
  }
  return pieces;
}

cudaError_t submit_plain(const CopyPieces& pieces, cudaStream_t stream) {
  for (std::size_t i = 0; i < pieces.sizes.size(); ++i) {
    const cudaError_t result = cudaMemcpyAsync(pieces.destinations[i], pieces.sources[i], pieces.sizes[i],
                                               cudaMemcpyDefault, stream);
    if (result != cudaSuccess) return result;
  }
  return cudaSuccess;
}

cudaError_t submit_batch(const CopyPieces& pieces, cudaStream_t stream) {
  cudaMemcpyAttributes in_stream_order{};
  in_stream_order.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  in_stream_order.flags = cudaMemcpyFlagPreferOverlapWithCompute;
  std::size_t first_with_it = 0;
  return cudaMemcpyBatchAsync(const_cast<void**>(pieces.destinations.data()),
                              const_cast<const void**>(pieces.sources.data()),
                              const_cast<std::size_t*>(pieces.sizes.data()), pieces.sizes.size(),
                              &in_stream_order, &first_with_it, 1, stream);
}

bool is_reordered(const std::byte* sent, const std::byte* arrived, const CopyRow& row) {
  const std::uint64_t piece_bytes = row.bytes / row.copies;
  for (std::uint32_t i = 0; i < row.copies; ++i) {
    const std::byte* const place = arrived + place_of(i, row.copies) * piece_bytes;
    if (std::memcmp(sent + i * piece_bytes, place, piece_bytes) != 0) return false;
  }
  return true;
}

std::string describe(const cuda::PinnedReport& report) {
  const std::string node = report.numa_node ? fmt::format("NUMA node {} preferred", *report.numa_node)
                                            : std::string("bound to no NUMA node");
  return fmt::format("{}, {}", huge_pages_name(report.pages), node);
}

}  // namespace prophet::measure
