#pragma once

#include <cstdint>

#include "predictor/make_predictor.hpp"
#include "predictor/use_model.hpp"

namespace prophet {

/// What policy forecast follows, learnt from the training sequences of `options` on all cores: the same bits
/// for the same sequences and seed. Throws Error{usage} where there are none.
[[nodiscard]] UseModel learn_uses(const PredictorOptions& options, std::uint64_t seed);

}  // namespace prophet
