#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "runtime/base/random.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::testing {

/// A fresh seed, or PROPHET_SEED; printed, so that a failure can be repeated.
[[nodiscard]] std::uint64_t announced_seed();

/// The experts [top_k] of one sequence, token and layer.
using Choose =
    std::function<std::vector<std::uint32_t>(std::size_t sequence, std::uint32_t token, std::uint32_t layer)>;

/// A trace of sequences of the given lengths, filled token by token and layer by layer.
[[nodiscard]] RoutingTrace trace_of(ExpertGrid grid, std::uint32_t top_k,
                                    const std::vector<std::uint32_t>& lengths, const Choose& choose);

/// `top_k` distinct experts.
[[nodiscard]] std::vector<std::uint32_t> random_choice(Random& random, std::uint32_t experts,
                                                       std::uint32_t top_k);
[[nodiscard]] RoutingTrace random_trace(Random& random, ExpertGrid grid, std::uint32_t top_k,
                                        const std::vector<std::uint32_t>& lengths);

/// A predictor of `trace`'s shape that has learnt from `training`.
[[nodiscard]] std::unique_ptr<Predictor> predictor_of(std::string_view name, const RoutingTrace& trace,
                                                      const std::vector<SequenceId>& training,
                                                      std::uint32_t lanes = 1);

/// Shows `predictor` what a row of the trace chose at layers [first, last].
void show(Predictor& predictor, LaneId lane, const RoutingTrace& trace, std::uint64_t row,
          std::uint32_t first_layer, std::uint32_t last_layer);

/// The forecast [experts]; empty when the predictor has nothing to say.
[[nodiscard]] std::vector<float> ask(Predictor& predictor, ExpertGrid grid, std::uint32_t made_at,
                                     std::uint32_t target);

/// What a row chose at a layer, [top_k].
[[nodiscard]] std::vector<ExpertId> chosen(const RoutingTrace& trace, std::uint64_t row, std::uint32_t layer);

}  // namespace prophet::testing
