#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/trace/ptrace_header.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::testing {

/// A folder of the test's own, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// Entries of the folder, hidden ones included.
  [[nodiscard]] std::size_t entries() const;

 private:
  std::filesystem::path path_;
};

/// A fresh seed, or PROPHET_SEED; printed, so that a failure can be repeated.
[[nodiscard]] std::uint64_t announced_seed();

enum class SampleWeights { none, bf16, fp32 };

/// A random valid trace: gaps between sequences, prefill, flags, awkward layer ids.
[[nodiscard]] RoutingTrace random_trace(Random& random, std::uint32_t experts, SampleWeights weights,
                                        std::uint32_t tokens_max = 400);

/// Six tokens, 2 layers, 8 experts, top-2, two sequences; small enough to damage at every byte.
[[nodiscard]] RoutingTrace small_trace(bool weights = true);

[[nodiscard]] std::vector<std::byte> file_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// The bytes of a .ptrace file made of one data frame and one table frame with right checksums, whatever they
/// say. Counts of stored bytes are filled in; the rest of `header` is taken as it is.
[[nodiscard]] std::vector<std::byte> ptrace_bytes(PtraceHeader header, std::span<const std::byte> data,
                                                  std::span<const std::byte> table);
/// One frame with a right checksum.
[[nodiscard]] std::vector<std::byte> frame_bytes(std::uint64_t index, std::span<const std::byte> payload);
[[nodiscard]] std::vector<std::byte> zstd_packed(std::span<const std::byte> raw);
[[nodiscard]] std::vector<std::byte> xz_packed(std::span<const std::byte> raw,
                                               std::uint32_t dictionary_bytes = 1U << 20);

/// Overwrites a little-endian number, and for a .ptrace header makes its checksum right again.
template <class T>
[[nodiscard]] std::vector<std::byte> patched(std::vector<std::byte> bytes, std::size_t at, T value);
[[nodiscard]] std::vector<std::byte> sealed(std::vector<std::byte> ptrace);

/// The small trace as MRT1, written field by field and not by Prophet's exporter.
[[nodiscard]] std::vector<std::byte> small_mrt1(bool weights);

template <class T>
std::vector<std::byte> patched(std::vector<std::byte> bytes, std::size_t at, T value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  for (std::size_t i = 0; i < raw.size(); ++i) bytes.at(at + i) = raw[i];
  return bytes;
}

}  // namespace prophet::testing
