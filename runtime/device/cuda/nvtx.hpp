#pragma once

#include <cstdint>

namespace prophet::cuda {

/// What an operation is called where a profiler shows it.
struct RangeName {
  const char* operation = "";  ///< "copy", "expert", ...
  std::uint64_t tag = 0;       ///< an ExpertIndex, or a LayerId
  bool tag_is_expert = false;
  std::uint32_t experts = 0;  ///< of a layer; 0: not known
  std::uint64_t bytes = 0;
};

/// The submission of one operation as a range of NVTX's domain "prophet": its message says layer, expert and
/// bytes, its payload is the bytes. Costs one comparison when no tool listens.
class NvtxRange {
 public:
  explicit NvtxRange(const RangeName& name) noexcept;
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;
  ~NvtxRange();

 private:
  bool open_;
};

}  // namespace prophet::cuda
