#include "bench/headroom/answer.hpp"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "predictor/mlp/plan_mlp.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/engine/kv_geometry_of.hpp"
#include "runtime/memory/arena.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

/// A learned predictor of the most parameters it may have, which are stored in bf16.
constexpr std::uint64_t predictor_bytes = 2 * std::uint64_t{learned_parameters_max};

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

void check_page_tokens(std::uint32_t page_tokens) {
  if (std::has_single_bit(page_tokens) && page_tokens <= limits::kv_page_tokens_max) return;
  refuse(fmt::format("--page-tokens {}: expected a power of two up to {}", page_tokens,
                     limits::kv_page_tokens_max));
}

/// The slab's own page size, or the asked one, which must fit it.
std::uint32_t choose_page_tokens(const ModelShape& model, std::uint64_t slab_bytes,
                                 const QuestionOptions& options) {
  const KvGeometry geometry = kv_geometry_of(model, options.kv_dtype);
  std::uint64_t token_bytes = 0;
  for (const KvGroup& group : geometry.groups) token_bytes = std::max(token_bytes, group.token_bytes);
  const auto check_fit = [&](std::uint64_t page_tokens) {
    const std::uint64_t page_bytes = page_tokens * token_bytes;
    if (page_bytes <= slab_bytes && page_bytes <= std::numeric_limits<std::uint32_t>::max()) return;
    refuse(
        fmt::format("--page-tokens {}: a page of {} bytes is larger than a slab of {}, expected at most {}",
                    page_tokens, page_bytes, slab_bytes, std::bit_floor(slab_bytes / token_bytes)));
  };
  if (options.page_tokens != 0) {
    check_page_tokens(options.page_tokens);
    check_fit(options.page_tokens);
    return options.page_tokens;
  }
  const KvPagePlan plan = propose_pages(geometry, slab_bytes);
  std::uint32_t smallest = limits::kv_page_tokens_max;
  for (const KvGroup& group : plan.geometry.groups) smallest = std::min(smallest, group.page_tokens);
  check_fit(smallest);
  return smallest;
}

}  // namespace

HeadroomQuestion make_question(const ModelShape& model, std::uint32_t cache_slabs, std::uint32_t batch,
                               const QuestionOptions& options) {
  if (cache_slabs == 0 || cache_slabs > model.grid.size()) {
    refuse(fmt::format("--slabs {}: expected 1 to {}, the number of experts in all layers", cache_slabs,
                       model.grid.size()));
  }
  HeadroomQuestion question;
  question.model = model;
  question.expert_dtype = options.expert_dtype;
  question.kv_dtype = options.kv_dtype;
  question.step_tokens = options.step_tokens;
  question.batch = batch;
  question.cache_slabs = cache_slabs;
  const std::uint64_t expert = expert_bytes(model, options.expert_dtype);
  question.page_tokens = choose_page_tokens(model, Arena::plan(expert, 1).stride_bytes, options);
  if (question.all_resident()) return question;
  question.staging_slabs = options.staging_slabs.value_or(model.top_k);
  question.predictor_bytes = predictor_bytes;
  return question;
}

HeadroomCell answer_headroom(Device& device, const std::string& device_name, const DeviceRoom& room,
                             const HeadroomQuestion& question, const MeasureOptions& options) {
  HeadroomCell cell;
  cell.question = question;
  cell.device = device_name;
  cell.analytic = analytic::headroom(question, room);
  cell.closed_form_tokens = analytic::closed_form_tokens(question, room);
  MeasuredHeadroom measured = measure_headroom(device, room, question, options);
  cell.measured = measured.terms;
  cell.proof = measured.proof;
  return cell;
}

}  // namespace prophet
