#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/ledger/place.hpp"

namespace prophet::ledger {

/// Evaluates the expressions of one basis; the language is that of muParserX with these words:
///   a bare name is a quantity of the row's model, batch and GPU; batch and context are the row's own
///   at("saving", 16), at("extension", 1, 40): a quantity of the row's model at another batch, on the first
///   of
///     the study's GPUs with so many GB
///   of("Mixtral-8x7B.saving", 16): likewise of a named model
///   own_mean("saving"), own_lowest, own_highest: over the study's six batches, and its four GPUs where the
///     quantity depends on them
///   mean("saving", 64, 64), lowest, highest: over those of the study's models that have so many experts a
///     layer (0, 0: all), then optionally a batch (0: all) and a GPU (0: all); where a model has no value it
///     counts as 0, as the study counts it
///   models(128, 128): how many these are
///   recorded("alpha.sample"): a recorded measurement
///   law(k, B), uniform(E, k, B), roundto(x, digits), rint, floor, ceil
/// One thread.
class Expressions {
 public:
  explicit Expressions(std::unique_ptr<Quantities> quantities);
  ~Expressions();
  Expressions(const Expressions&) = delete;
  Expressions& operator=(const Expressions&) = delete;

  /// True and false are 1 and 0. Throws NoValue; Error{bad_input} for what is no expression, names no
  /// quantity or gives no finite number, in one sentence without the place.
  [[nodiscard]] double evaluate(const std::string& expression, const Place& place);
  /// Ids of the recordings that the last evaluation asked for, in order.
  [[nodiscard]] const std::vector<std::string>& asked_recordings() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prophet::ledger
