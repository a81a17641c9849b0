#pragma once

#include <string>
#include <vector>

#include "bench/ledger/place.hpp"

namespace mup {
class ParserX;
}

namespace prophet::ledger {

/// What an expression is evaluated for; the functions read it while they run.
struct Question {
  Quantities* quantities = nullptr;
  Place place;
  std::vector<std::string> recordings;  ///< ids, as they were asked for
};

/// Defines the functions that expression.hpp describes. `question` must live as long as the parser.
void define_functions(mup::ParserX& parser, Question& question);

}  // namespace prophet::ledger
