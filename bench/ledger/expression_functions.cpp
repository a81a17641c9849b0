#include "bench/ledger/expression_functions.hpp"

#include <fmt/format.h>
#include <muparserx/mpParser.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "bench/analytic/expert_demand.hpp"
#include "bench/analytic/study/configurations.hpp"
#include "bench/analytic/study/study_catalogue.hpp"
#include "bench/ledger/recordings.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

/// The arguments of one call.
class Arguments {
 public:
  Arguments(const char* function, const mup::ptr_val_type* values, int count)
      : function_(function), values_(values), count_(count) {}

  void require(int fewest, int most) const {
    if (count_ >= fewest && count_ <= most) return;
    throw Error(ErrorCode::bad_input,
                fmt::format("{}() has {} arguments, expected {} to {}", function_, count_, fewest, most));
  }
  [[nodiscard]] std::string text(int index) const {
    if (!values_[index]->IsString())
      throw Error(ErrorCode::bad_input,
                  fmt::format("{}(): expected a name in quotes as argument {}", function_, index + 1));
    return values_[index]->GetString();
  }
  [[nodiscard]] double number(int index, double otherwise = 0) const {
    if (index >= count_) return otherwise;
    if (!values_[index]->IsScalar())
      throw Error(ErrorCode::bad_input,
                  fmt::format("{}(): expected a number as argument {}", function_, index + 1));
    return static_cast<double>(values_[index]->GetFloat());
  }
  [[nodiscard]] std::uint32_t count(int index, std::uint32_t otherwise = 0) const {
    const double value = number(index, otherwise);
    if (value < 0 || value != std::floor(value) || value > 1e9)
      throw Error(ErrorCode::bad_input, fmt::format("{}(): {}, expected a whole number as argument {}",
                                                    function_, value, index + 1));
    return static_cast<std::uint32_t>(value);
  }

 private:
  const char* function_;
  const mup::ptr_val_type* values_;
  int count_;
};

using Body = std::function<double(const Arguments&)>;

class Function final : public mup::ICallback {
 public:
  Function(const char* name, Body body)
      : ICallback(mup::cmFUNC, name, -1), name_(name), body_(std::move(body)) {}
  void Eval(mup::ptr_val_type& result, const mup::ptr_val_type* arguments, int count) override {
    *result = body_(Arguments(name_, arguments, count));
  }
  const mup::char_type* GetDesc() const override { return name_; }
  mup::IToken* Clone() const override { return new Function(*this); }  // muParserX owns its tokens

 private:
  const char* name_;
  Body body_;
};

std::string gpu_with(double gb) {
  for (std::size_t i = 0; i < study_gpus.size(); ++i) {
    if (study_gpu_gb[i] == gb) return study_gpus[i];
  }
  throw Error(ErrorCode::bad_input, fmt::format("a GPU of {} GB: expected 32, 40 or 80", gb));
}

/// The row's place, with the batch and GPU of the arguments from `first` on where they are given.
Place moved(Place place, const Arguments& arguments, int first) {
  if (const std::uint32_t batch = arguments.count(first)) place.batch = batch;
  if (const double gb = arguments.number(first + 1); gb != 0) place.gpu = gpu_with(gb);
  return place;
}

double at(const Question& question, const Arguments& arguments) {
  arguments.require(1, 3);
  return question.quantities->value(arguments.text(0), moved(question.place, arguments, 1));
}

double of(const Question& question, const Arguments& arguments) {
  arguments.require(1, 3);
  const std::string text = arguments.text(0);
  const std::size_t point = text.rfind('.');
  if (point == std::string::npos)
    throw Error(ErrorCode::bad_input, fmt::format("of(\"{}\"): expected model.quantity", text));
  Place place = moved(question.place, arguments, 1);
  place.model = text.substr(0, point);
  return question.quantities->value(text.substr(point + 1), place);
}

/// Of which models, batches and GPUs a group's values are.
struct Group {
  std::vector<std::string> models;
  std::vector<std::uint32_t> batches = {study_batches.begin(), study_batches.end()};
  std::vector<std::string> gpus = {study_gpus.begin(), study_gpus.end()};
  bool missing_is_zero = true;
};

std::vector<std::string> models_with(std::uint32_t fewest, std::uint32_t most) {
  std::vector<std::string> names;
  for (const analytic::StudyModel& model : analytic::study_catalogue()) {
    if (most == 0 || (model.experts >= fewest && model.experts <= most)) names.push_back(model.name);
  }
  if (names.empty())
    throw Error(ErrorCode::bad_input,
                fmt::format("no model of the study has {} to {} experts a layer", fewest, most));
  return names;
}

std::vector<double> values_of(const Question& question, const std::string& quantity, Group group) {
  if (!question.quantities->depends_on_gpu(quantity)) group.gpus.resize(1);
  std::vector<double> values;
  for (const std::string& model : group.models) {
    for (const std::uint32_t batch : group.batches) {
      for (const std::string& gpu : group.gpus) {
        try {
          values.push_back(question.quantities->value(quantity, {model, batch, gpu, {}}));
        } catch (const NoValue&) {
          if (!group.missing_is_zero) throw;
          values.push_back(0);
        }
      }
    }
  }
  return values;
}

Group own_group(const Question& question, const Arguments& arguments) {
  arguments.require(1, 3);
  Group group;
  group.models = {question.place.model};
  if (const std::uint32_t batch = arguments.count(1)) group.batches = {batch};
  if (const double gb = arguments.number(2); gb != 0) group.gpus = {gpu_with(gb)};
  group.missing_is_zero = question.quantities->depends_on_gpu(arguments.text(0));
  return group;
}

Group group_of(const Arguments& arguments) {
  arguments.require(3, 5);
  Group group;
  group.models = models_with(arguments.count(1), arguments.count(2));
  if (const std::uint32_t batch = arguments.count(3)) group.batches = {batch};
  if (const double gb = arguments.number(4); gb != 0) group.gpus = {gpu_with(gb)};
  return group;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}
double lowest(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}
double highest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

void define_groups(mup::ParserX& parser, Question& question) {
  struct Statistic {
    const char* name;
    const char* own_name;
    double (*of)(const std::vector<double>&);
  };
  for (const Statistic& statistic :
       {Statistic{"mean", "own_mean", mean}, Statistic{"lowest", "own_lowest", lowest},
        Statistic{"highest", "own_highest", highest}}) {
    parser.DefineFun(new Function(statistic.name, [&question, statistic](const Arguments& arguments) {
      return statistic.of(values_of(question, arguments.text(0), group_of(arguments)));
    }));
    parser.DefineFun(new Function(statistic.own_name, [&question, statistic](const Arguments& arguments) {
      return statistic.of(values_of(question, arguments.text(0), own_group(question, arguments)));
    }));
  }
  parser.DefineFun(new Function("models", [](const Arguments& arguments) {
    arguments.require(2, 2);
    return static_cast<double>(models_with(arguments.count(0), arguments.count(1)).size());
  }));
}

void define_arithmetic(mup::ParserX& parser) {
  const auto define = [&parser](const char* name, int count, Body body) {
    parser.DefineFun(new Function(name, [count, body = std::move(body)](const Arguments& arguments) {
      arguments.require(count, count);
      return body(arguments);
    }));
  };
  define("law", 2,
         [](const Arguments& a) { return a.number(0) * std::pow(a.number(1), analytic::study_exponent); });
  define("uniform", 3,
         [](const Arguments& a) { return analytic::unique_uniform(a.count(0), a.count(1), a.number(2)); });
  define("roundto", 2, [](const Arguments& a) {
    const double scale = std::pow(10.0, a.number(1));
    return std::round(a.number(0) * scale) / scale;
  });
  define("rint", 1, [](const Arguments& a) { return std::round(a.number(0)); });
  define("floor", 1, [](const Arguments& a) { return std::floor(a.number(0)); });
  define("ceil", 1, [](const Arguments& a) { return std::ceil(a.number(0)); });
}

}  // namespace

void define_functions(mup::ParserX& parser, Question& question) {
  parser.DefineFun(
      new Function("at", [&question](const Arguments& arguments) { return at(question, arguments); }));
  parser.DefineFun(
      new Function("of", [&question](const Arguments& arguments) { return of(question, arguments); }));
  parser.DefineFun(new Function("recorded", [&question](const Arguments& arguments) {
    arguments.require(1, 1);
    const Recording& recording = find_recording(arguments.text(0));
    question.recordings.push_back(recording.id);
    return recording.value;
  }));
  define_groups(parser, question);
  define_arithmetic(parser);
}

}  // namespace prophet::ledger
