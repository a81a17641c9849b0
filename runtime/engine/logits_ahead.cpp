#include "runtime/engine/logits_ahead.hpp"

namespace prophet {

void show_logits_ahead(Predictor& predictor, LayerId made_at, std::span<const StepToken> tokens,
                       const LogitsAhead& logits, bool of_itself) {
  for (std::uint32_t ahead = of_itself ? 0 : 1; ahead <= predictor.wants_ahead(); ++ahead) {
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const std::span<const float> row = logits.row(ahead, t);
      if (row.empty()) break;
      predictor.observe_ahead(tokens[t].lane, made_at, LayerId{made_at.value + ahead}, row);
    }
  }
}

}  // namespace prophet
