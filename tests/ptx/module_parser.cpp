#include <cxxabi.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/ptx/function_parser.hpp"
#include "tests/ptx/lexer.hpp"
#include "tests/ptx/module.hpp"
#include "tests/ptx/token_stream.hpp"

namespace prophet::ptx {
namespace {

class ModuleParser {
 public:
  explicit ModuleParser(std::string_view text) : tokens_(read_tokens(text)) {}

  Module parse() {
    while (!tokens_.at_end()) parse_item();
    return std::move(module_);
  }

 private:
  void parse_item() {
    if (tokens_.take_if(".version")) {
      tokens_.word("a version");
    } else if (tokens_.take_if(".target")) {
      module_.target = tokens_.word("a target");
    } else if (tokens_.take_if(".address_size")) {
      if (tokens_.integer() != 64) tokens_.fail("an address size of 64");
    } else {
      parse_declaration();
    }
  }

  void parse_declaration() {
    bool is_extern = false;
    while (tokens_.is_next(".visible") || tokens_.is_next(".extern") || tokens_.is_next(".weak")) {
      is_extern = tokens_.take().text == ".extern" || is_extern;
    }
    if (tokens_.take_if(".entry")) return parse_function(true);
    if (tokens_.take_if(".func")) return parse_function(false);
    const Token token = tokens_.take();
    Variable variable = parse_variable(tokens_, space_named(token));
    variable.is_extern = is_extern;
    module_.variables.push_back(std::move(variable));
    tokens_.expect(";");
  }

  static Space space_named(const Token& token) {
    if (token.text == ".global") return Space::global;
    if (token.text == ".const") return Space::constant;
    if (token.text == ".shared") return Space::shared;
    throw Error(fmt::format("line {}: directive '{}' is unsupported", token.line, token.text));
  }

  void parse_function(bool is_entry) {
    Function function{.is_entry = is_entry};
    if (tokens_.is_next("(")) parse_parameters();  // of the result: calls are refused where they stand
    function.name = tokens_.word("the name of a function");
    if (tokens_.is_next("(")) function.parameters = parse_parameters();
    for (Variable& parameter : function.parameters) {
      const std::size_t begin =
          (function.parameter_bytes + parameter.align - 1) / parameter.align * parameter.align;
      parameter.offset = begin;
      function.parameter_bytes = begin + parameter.bytes;
    }
    parse_limits(function);
    if (tokens_.take_if(";")) return;
    FunctionParser(tokens_, function).parse();
    module_.functions.push_back(std::move(function));
  }

  std::vector<Variable> parse_parameters() {
    std::vector<Variable> parameters;
    tokens_.expect("(");
    while (!tokens_.take_if(")")) {
      tokens_.expect(".param");
      parameters.push_back(parse_variable(tokens_, Space::param));
      if (!tokens_.is_next(")")) tokens_.expect(",");
    }
    return parameters;
  }

  void parse_limits(Function& function) {
    while (true) {
      if (tokens_.take_if(".maxntid")) {
        function.block_threads_max = parse_threads();
      } else if (tokens_.take_if(".minnctapersm") || tokens_.take_if(".maxnreg")) {
        tokens_.integer();
      } else if (!tokens_.take_if(".noreturn")) {
        return;
      }
    }
  }

  std::array<unsigned, 3> parse_threads() {
    std::array<unsigned, 3> threads{1, 1, 1};
    std::size_t i = 0;
    do {
      threads.at(i++) = static_cast<unsigned>(tokens_.integer());
    } while (tokens_.take_if(","));
    return threads;
  }

  TokenStream tokens_;
  Module module_;
};

}  // namespace

Module parse(std::string_view text) {
  return ModuleParser(text).parse();
}

Module parse_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) throw Error(path + ": cannot be read, expected PTX");
  try {
    return parse(text.str());
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

std::string demangled(const std::string& name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  if (text == nullptr) return name;
  std::string result = text;
  std::free(text);
  return result;
}

}  // namespace prophet::ptx
