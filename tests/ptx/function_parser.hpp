#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "tests/ptx/module.hpp"
#include "tests/ptx/token_stream.hpp"

namespace prophet::ptx {

/// A variable from its space to its initial value, without the closing ';' or ','. `space` is taken already.
[[nodiscard]] Variable parse_variable(TokenStream& tokens, Space space);

/// Reads one body, from '{' to '}', into a function whose name and parameters are known. Braces within a body
/// open a scope of register names, as inline assembly of the toolkit's headers does.
class FunctionParser {
 public:
  FunctionParser(TokenStream& tokens, Function& function) : tokens_(tokens), function_(function) {}
  void parse();

 private:
  void parse_block();
  void parse_statement();
  void parse_registers();
  void parse_label(const std::string& name);
  void parse_instruction();
  void declare(const std::string& name, Type type);
  [[nodiscard]] int find_register(const std::string& name);
  Operand parse_operand();
  Operand parse_list(Operand::Kind kind, std::string_view close);
  Operand parse_address();
  Operand parse_named();

  TokenStream& tokens_;
  Function& function_;
  std::vector<std::unordered_map<std::string, int>> scopes_;
};

}  // namespace prophet::ptx
