#include "bench/ledger/expression.hpp"

#include <fmt/format.h>
#include <muparserx/mpParser.h>

#include <cmath>
#include <deque>
#include <utility>

#include "bench/ledger/expression_functions.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

bool is_word_of_place(const std::string& name) {
  return name == "batch" || name == "context";
}

double word_of_place(const std::string& name, const Place& place) {
  if (name == "batch") return batch_of(place);
  if (!place.context_tokens) throw NoValue("no context");
  return static_cast<double>(*place.context_tokens);
}

double number_of(const mup::IValue& value) {
  if (value.GetType() == 'b') return value.GetBool() ? 1 : 0;
  return value.IsScalar() ? static_cast<double>(value.GetFloat()) : std::nan("");
}

}  // namespace

struct Expressions::State {
  explicit State(std::unique_ptr<Quantities> asked)
      : quantities(std::move(asked)), parser(mup::pckNON_COMPLEX | mup::pckSTRING | mup::pckCOMMON) {
    question.quantities = quantities.get();
    define_functions(parser, question);
  }

  /// Every name in the expression becomes a variable with the quantity's value.
  void bind(const std::string& expression) {
    parser.ClearVar();
    values.clear();
    parser.SetExpr(expression);
    for (const auto& [name, unused] : parser.GetExprVar()) {
      const double value = is_word_of_place(name) ? word_of_place(name, question.place)
                                                  : quantities->value(name, question.place);
      values.emplace_back(value);
      parser.DefineVar(name, mup::Variable(&values.back()));
    }
  }

  std::unique_ptr<Quantities> quantities;
  Question question;
  mup::ParserX parser;
  std::deque<mup::Value> values;
};

Expressions::Expressions(std::unique_ptr<Quantities> quantities)
    : state_(std::make_unique<State>(std::move(quantities))) {}
Expressions::~Expressions() = default;

double Expressions::evaluate(const std::string& expression, const Place& place) {
  state_->question.place = place;
  state_->question.recordings.clear();
  try {
    state_->bind(expression);
    const double value = number_of(state_->parser.Eval());
    if (std::isfinite(value)) return value;
  } catch (const mup::ParserError& error) {
    throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", expression, error.GetMsg()));
  }
  throw Error(ErrorCode::bad_input, fmt::format("'{}' gives no finite number", expression));
}

const std::vector<std::string>& Expressions::asked_recordings() const noexcept {
  return state_->question.recordings;
}

}  // namespace prophet::ledger
