#include "bench/headroom/study_grid.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/expert_demand.hpp"
#include "bench/headroom/device_room.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet {
namespace {

QuestionOptions options_for(const ModelShape& model, QuestionOptions options, bool experts_as_shipped) {
  if (experts_as_shipped) options.expert_dtype = model.expert_dtype;
  const bool is_latent = std::any_of(model.kv.begin(), model.kv.end(),
                                     [](const KvLayers& run) { return run.kind == KvKind::latent; });
  if (is_latent && options.kv_dtype != Dtype::fp16) options.kv_dtype = Dtype::bf16;
  return options;
}

HeadroomCell count(const std::string& gpu, const HeadroomQuestion& question) {
  const std::string name = "sim:" + gpu;
  const auto device = open_with_budget(name, 0);
  return answer_headroom(*device, name, room_of(*device), question, {false, 0});
}

}  // namespace

std::uint32_t study_slabs(const ExpertGrid& grid, std::uint32_t top_k, std::uint32_t batch) {
  return grid.layers *
         static_cast<std::uint32_t>(std::ceil(analytic::unique_power_law(grid.experts, top_k, batch)));
}

std::vector<StudyCell> run_study_grid(const QuestionOptions& options, bool experts_as_shipped,
                                      const SlabsOf& slabs_of) {
  std::vector<StudyCell> cells;
  for (const char* const name : study_models) {
    const ModelShape model = load_model(name);
    const QuestionOptions own = options_for(model, options, experts_as_shipped);
    for (const char* const gpu : study_gpus) {
      for (const std::uint32_t batch : study_batches) {
        const auto slabs = slabs_of(model, batch);
        StudyCell cell;
        cell.gpu = gpu;
        cell.all_resident = count(gpu, make_question(model, model.grid.size(), batch, own));
        cell.cached = count(gpu, make_question(model, slabs, batch, own));
        cells.push_back(std::move(cell));
      }
    }
  }
  return cells;
}

}  // namespace prophet
