#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/mlp/ahead_choices.hpp"
#include "predictor/predictor.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// How forecasts that were made a number of layers ahead compare with what came. One lane, so that a layer
/// wants top-k experts.
struct Recall {
  std::uint64_t forecasts = 0;
  std::uint64_t silent = 0;  ///< times that the predictor had nothing to say; nothing below counts them
  std::uint64_t wanted = 0;  ///< experts that came
  std::uint64_t at_k = 0;    ///< of them, those among the top-k of the forecast
  std::uint64_t at_2k = 0;   ///< among the 2 * top-k
  double cross_entropy = 0;  ///< sum over all experts and forecasts

  [[nodiscard]] double recall_k() const noexcept { return share(static_cast<double>(at_k), wanted); }
  [[nodiscard]] double recall_2k() const noexcept { return share(static_cast<double>(at_2k), wanted); }
  [[nodiscard]] double loss() const noexcept { return share(cross_entropy, forecasts); }
  Recall& operator+=(const Recall& other) noexcept;

 private:
  [[nodiscard]] static double share(double part, std::uint64_t of) noexcept {
    return of == 0 ? 0 : part / static_cast<double>(of);
  }
};

/// Of forecasts `ahead` layers ahead: within a token, and from one into the next.
struct RecallAhead {
  std::uint32_t ahead = 0;
  Recall within;
  Recall across;
};

/// Replays the sequences in one lane and asks for forecasts 1 to lookahead_layers ahead. The experts of equal
/// chance stand in the order of their ids. A predictor that wants routers ahead is told their order of choice
/// by `ahead`, of the trace's rows, as far as that goes; null: nothing.
[[nodiscard]] std::vector<RecallAhead> measure_recall(Predictor& predictor, const RoutingTrace& trace,
                                                      std::span<const SequenceId> sequences,
                                                      std::uint32_t lookahead_layers,
                                                      const AheadChoices* ahead = nullptr);

}  // namespace prophet
