#pragma once

#include <string>

#include "bench/headroom/headroom_cell.hpp"
#include "bench/headroom/measure_headroom.hpp"

namespace prophet {

/// The question answered by both sides. Errors as measure_headroom.
[[nodiscard]] HeadroomCell answer_headroom(Device& device, const std::string& device_name,
                                           const DeviceRoom& room, const HeadroomQuestion& question,
                                           const MeasureOptions& options);

/// A question with the page size and staging slabs that go with the model. `page_tokens` 0: the one that
/// runtime/kv proposes for the slab; `staging_slabs` none: top-k. All experts: no staging and no predictor.
struct QuestionOptions {
  Dtype expert_dtype = Dtype::bf16;
  Dtype kv_dtype = Dtype::bf16;
  std::uint32_t page_tokens = 0;
  std::uint32_t step_tokens = 512;
  std::optional<std::uint32_t> staging_slabs;
};

/// Throws Error{usage} for a page size that is no power of two, or larger than a slab, a dtype that the KV
/// cache of the model cannot have, and no slabs or more than there are experts.
[[nodiscard]] HeadroomQuestion make_question(const ModelShape& model, std::uint32_t cache_slabs,
                                             std::uint32_t batch, const QuestionOptions& options);

}  // namespace prophet
