#include "predictor/make_predictor.hpp"

#include "prophet/error.hpp"

namespace prophet {

std::vector<std::string> predictor_names() { return {"none"}; }

bool predictor_needs_training(std::string_view) { return false; }

std::unique_ptr<Predictor> make_predictor(std::string_view name, const PredictorOptions&) {
  if (name == "none") return nullptr;
  throw Error(ErrorCode::usage, "--predictor: expected none");
}

}  // namespace prophet
