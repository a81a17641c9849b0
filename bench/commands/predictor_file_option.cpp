#include "bench/commands/predictor_file_option.hpp"

#include <fmt/format.h>

#include <utility>

#include "predictor/trained/predictor_file.hpp"
#include "predictor/trained/sequence_fingerprint.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"

namespace prophet {

TrainedPredictor read_predictor_file(const std::string& path, const ExpertGrid& grid, std::uint32_t top_k) {
  if (path.empty()) return {};
  TrainedPredictor trained = load_predictor(path);
  check_mlp_fits(*trained.mlp, grid, top_k);
  return trained;
}

std::size_t leave_out_learnt(const std::string& path, const TrainedPredictor& trained,
                             const RoutingTrace& trace, std::vector<SequenceId>& sequences) {
  std::vector<SequenceId> apart = sequences_apart_from(trace, sequences, trained.learnt_from);
  const std::size_t learnt = sequences.size() - apart.size();
  if (apart.empty()) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format("--predictor-file {}: was trained on all {} sequences that would be replayed, expected "
                    "others: give the trace, --seed, --train-fraction and --skip-flags of its training",
                    path, sequences.size()));
  }
  if (learnt != 0) {
    log_warning(fmt::format("{} of {} sequences are left out of the replay: {} was trained on them", learnt,
                            sequences.size(), path));
  }
  sequences = std::move(apart);
  return learnt;
}

}  // namespace prophet
