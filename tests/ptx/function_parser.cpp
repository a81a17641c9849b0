#include "tests/ptx/function_parser.hpp"

#include <algorithm>
#include <array>

namespace prophet::ptx {
namespace {

/// Registers that every thread finds filled at its start.
constexpr std::array<std::string_view, 21> special_registers{
    "%tid.x",       "%tid.y",       "%tid.z",
    "%ntid.x",      "%ntid.y",      "%ntid.z",
    "%ctaid.x",     "%ctaid.y",     "%ctaid.z",
    "%nctaid.x",    "%nctaid.y",    "%nctaid.z",
    "%laneid",      "%warpid",      "%nwarpid",
    "%lanemask_eq", "%lanemask_le", "%lanemask_lt",
    "%lanemask_ge", "%lanemask_gt", "%dynamic_smem_size"};

bool is_special(const std::string& name) {
  return std::find(special_registers.begin(), special_registers.end(), name) != special_registers.end();
}

void append_value(std::vector<std::byte>& out, std::uint64_t value, Type type) {
  for (unsigned bit = 0; bit < bits_of(type); bit += 8) out.push_back(static_cast<std::byte>(value >> bit));
}

void parse_initial(TokenStream& tokens, Variable& variable) {
  const bool braces = tokens.take_if("{");
  do {
    if (tokens.peek().kind == Token::Kind::f32 || tokens.peek().kind == Token::Kind::f64) {
      append_value(variable.initial, tokens.take().value, variable.type);
    } else {
      append_value(variable.initial, tokens.integer(), variable.type);
    }
  } while (braces && tokens.take_if(","));
  if (braces) tokens.expect("}");
  if (variable.initial.size() > variable.bytes) tokens.fail("no more values than the variable holds");
}

}  // namespace

Variable parse_variable(TokenStream& tokens, Space space) {
  Variable variable{.space = space};
  if (tokens.take_if(".align")) variable.align = tokens.integer();
  variable.type = tokens.type();
  variable.bytes = bits_of(variable.type) / 8;
  variable.align = std::max<std::size_t>(variable.align, variable.bytes);
  if (tokens.take_if(".ptr")) {  // what a parameter points to: no matter here
    if (tokens.is_next(".global") || tokens.is_next(".shared") || tokens.is_next(".const")) tokens.take();
    if (tokens.take_if(".align")) tokens.integer();
  }
  variable.name = tokens.word("a name");
  if (tokens.take_if("[")) {
    variable.bytes *= tokens.is_next("]") ? 0 : tokens.integer();
    tokens.expect("]");
  }
  if (tokens.is_next("[")) tokens.fail("an array of one dimension");
  if (tokens.take_if("=")) parse_initial(tokens, variable);
  return variable;
}

void FunctionParser::parse() {
  parse_block();
  for (const Instruction& instruction : function_.body) {
    if (instruction.opcode.empty()) throw Error("an instruction without a name");
  }
}

void FunctionParser::parse_block() {
  tokens_.expect("{");
  scopes_.emplace_back();
  while (!tokens_.is_next("}")) {
    if (tokens_.at_end()) tokens_.fail("'}'");
    parse_statement();
  }
  scopes_.pop_back();
  tokens_.expect("}");
}

void FunctionParser::parse_statement() {
  if (tokens_.is_next("{")) return parse_block();
  if (tokens_.take_if(";")) return;
  if (tokens_.take_if(".reg")) return parse_registers();
  if (tokens_.take_if(".shared")) {
    function_.shared.push_back(parse_variable(tokens_, Space::shared));
    return tokens_.expect(";");
  }
  if (tokens_.take_if(".pragma")) {  // advice about unrolling
    tokens_.take();
    return tokens_.expect(";");
  }
  if (tokens_.peek().kind == Token::Kind::word && tokens_.peek(1).text == ":") {
    const std::string name = tokens_.take().text;
    tokens_.take();
    return parse_label(name);
  }
  if (tokens_.peek().text.starts_with('.')) {
    throw Error(fmt::format("line {}: directive '{}' is unsupported", tokens_.line(), tokens_.peek().text));
  }
  parse_instruction();
}

void FunctionParser::parse_label(const std::string& name) {
  if (tokens_.take_if(".branchtargets")) {
    auto& targets = function_.branch_targets[name];
    do {
      targets.push_back(tokens_.word("a label"));
    } while (tokens_.take_if(","));
    return tokens_.expect(";");
  }
  if (!function_.labels.emplace(name, function_.body.size()).second) {
    throw Error(fmt::format("line {}: label {} stands twice in one function", tokens_.line(), name));
  }
}

void FunctionParser::declare(const std::string& name, Type type) {
  scopes_.back()[name] = static_cast<int>(function_.registers.size());
  function_.registers.push_back({name, type});
}

void FunctionParser::parse_registers() {
  const Type type = tokens_.type();
  do {
    const std::string name = tokens_.word("a register");
    if (tokens_.take_if("<")) {
      const std::uint64_t count = tokens_.integer();
      for (std::uint64_t i = 0; i < count; ++i) declare(name + std::to_string(i), type);
      tokens_.expect(">");
    } else {
      declare(name, type);
    }
  } while (tokens_.take_if(","));
  tokens_.expect(";");
}

int FunctionParser::find_register(const std::string& name) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end()) return found->second;
  }
  if (!name.starts_with('%')) return -1;
  if (!is_special(name)) {
    throw Error(fmt::format("line {}: register {} is unsupported or not declared", tokens_.line(), name));
  }
  scopes_.front()[name] = static_cast<int>(function_.registers.size());
  function_.registers.push_back({name, Type::u32});
  return static_cast<int>(function_.registers.size()) - 1;
}

void FunctionParser::parse_instruction() {
  Instruction instruction{.line = tokens_.line()};
  if (tokens_.take_if("@")) {
    instruction.guard_inverted = tokens_.take_if("!");
    const std::string name = tokens_.word("a predicate");
    instruction.guard = find_register(name);
    if (instruction.guard < 0) throw Error(fmt::format("line {}: {} is not declared", tokens_.line(), name));
    instruction.line = tokens_.line();
  }
  instruction.opcode = tokens_.word("an instruction");
  while (!tokens_.is_next(";")) {
    instruction.operands.push_back(parse_operand());
    if (!tokens_.is_next(";")) tokens_.expect(",");
  }
  tokens_.expect(";");
  function_.body.push_back(std::move(instruction));
}

Operand FunctionParser::parse_list(Operand::Kind kind, std::string_view close) {
  Operand list{.kind = kind};
  while (!tokens_.take_if(close)) {
    list.parts.push_back(parse_operand());
    if (!tokens_.is_next(close)) tokens_.expect(",");
  }
  return list;
}

Operand FunctionParser::parse_operand() {
  if (tokens_.take_if("{")) return parse_list(Operand::Kind::vector, "}");
  if (tokens_.take_if("(")) return parse_list(Operand::Kind::list, ")");
  if (tokens_.take_if("[")) return parse_address();
  if (tokens_.take_if("!")) {
    Operand operand = parse_named();
    operand.inverted = true;
    return operand;
  }
  const Token::Kind kind = tokens_.peek().kind;
  if (kind == Token::Kind::f32 || kind == Token::Kind::f64) {
    return {.kind = Operand::Kind::number, .bits = tokens_.take().value};
  }
  if (kind == Token::Kind::integer || tokens_.is_next("-")) {
    return {.kind = Operand::Kind::number, .bits = tokens_.integer()};
  }
  Operand operand = parse_named();
  if (!tokens_.take_if("|")) return operand;
  Operand both{.kind = Operand::Kind::either};
  both.parts.push_back(std::move(operand));
  both.parts.push_back(parse_named());
  return both;
}

Operand FunctionParser::parse_address() {
  Operand address{.kind = Operand::Kind::address};
  address.parts.push_back(tokens_.peek().kind == Token::Kind::integer
                              ? Operand{.kind = Operand::Kind::number, .bits = tokens_.integer()}
                              : parse_named());
  std::swap(address.offset, address.parts[0].offset);
  tokens_.expect("]");
  return address;
}

Operand FunctionParser::parse_named() {
  const std::string name = tokens_.word("a register, a number or a name");
  if (name == "_") return {.kind = Operand::Kind::ignored};
  if (name == "WARP_SZ") return {.kind = Operand::Kind::number, .bits = 32};
  Operand operand{.kind = Operand::Kind::reg, .index = find_register(name)};
  if (operand.index < 0) operand = {.kind = Operand::Kind::symbol, .name = name};
  if (tokens_.take_if("+")) operand.offset = static_cast<std::int64_t>(tokens_.integer());
  return operand;
}

}  // namespace prophet::ptx
