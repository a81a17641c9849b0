#include "runtime/device/cuda/host_mapping.hpp"

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace prophet::cuda {
namespace {

constexpr int nodes_max = 1024;
constexpr int bits_of_word = 8 * sizeof(unsigned long);
/// MAP_HUGE_2MB of <linux/mman.h>: the page size as a power of two, where mmap looks for it.
constexpr int two_mebibytes = 21 << 26;

std::byte* map(std::uint64_t size_bytes, int flags) noexcept {
  void* mapped =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

std::byte* map_reserved_huge_pages(std::uint64_t size_bytes) noexcept {
  return map(size_bytes, MAP_HUGETLB | two_mebibytes);
}

std::byte* map_pages(std::uint64_t size_bytes) noexcept {
  if (size_bytes < huge_page_bytes) return map(size_bytes, 0);
  std::byte* const roomy = map(size_bytes + huge_page_bytes, 0);
  if (roomy == nullptr) return nullptr;
  const std::uint64_t past = reinterpret_cast<std::uintptr_t>(roomy) % huge_page_bytes;
  const std::uint64_t before = past == 0 ? 0 : huge_page_bytes - past;
  std::byte* const data = roomy + before;
  if (before != 0) munmap(roomy, before);
  if (before != huge_page_bytes) munmap(data + size_bytes, huge_page_bytes - before);
  madvise(data, size_bytes, MADV_HUGEPAGE);
  return data;
}

void unmap_pages(std::byte* data, std::uint64_t size_bytes) noexcept {
  munmap(data, size_bytes);
}

std::string prefer_numa_node(std::byte* data, std::uint64_t size_bytes, int node) {
  if (node < 0 || node >= nodes_max) return fmt::format("node {} is out of range", node);
  std::array<unsigned long, nodes_max / bits_of_word> nodes{};
  nodes[static_cast<std::size_t>(node / bits_of_word)] = 1UL << (node % bits_of_word);
  const long result = syscall(SYS_mbind, data, size_bytes, MPOL_PREFERRED, nodes.data(), nodes_max, 0U);
  return result == 0 ? std::string() : fmt::format("mbind to node {}: {}", node, std::strerror(errno));
}

void touch_pages(std::byte* data, std::uint64_t size_bytes) noexcept {
  volatile std::byte* pages = data;
  for (std::uint64_t at = 0; at < size_bytes; at += page_bytes) pages[at] = std::byte{0};
}

}  // namespace prophet::cuda
