#include "tests/ptx/decoder.hpp"

#include <fmt/format.h>

namespace prophet::ptx {
namespace {

std::vector<std::string> split(const std::string& opcode) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= opcode.size();) {
    const std::size_t end = std::min(opcode.find('.', begin), opcode.size());
    parts.push_back(opcode.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Makers all_makers() {
  Makers makers;
  add_integer_makers(makers);
  add_bit_makers(makers);
  add_float_makers(makers);
  add_comparison_makers(makers);
  add_conversion_makers(makers);
  add_memory_makers(makers);
  add_copy_makers(makers);
  add_atomic_makers(makers);
  add_control_makers(makers);
  add_warp_makers(makers);
  return makers;
}

}  // namespace

Decoder::Decoder(Kernel& kernel, const Instruction& instruction)
    : kernel_(kernel),
      instruction_(instruction),
      parts_(split(instruction.opcode)),
      taken_(parts_.size(), false) {
  taken_[0] = true;
}

void Decoder::unsupported(std::string_view what) const {
  throw Error(fmt::format("line {}: instruction {} is unsupported: {}", instruction_.line,
                          instruction_.opcode, what));
}

const Operand& Decoder::operand(std::size_t i) const {
  if (i >= instruction_.operands.size()) unsupported(fmt::format("it has only {} operands", operand_count()));
  return instruction_.operands[i];
}

bool Decoder::take(std::string_view suffix) {
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (!taken_[i] && parts_[i] == suffix) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

int Decoder::take_one_of(std::initializer_list<std::string_view> suffixes) {
  int place = 0;
  for (const std::string_view suffix : suffixes) {
    if (take(suffix)) return place;
    ++place;
  }
  return -1;
}

void Decoder::take_all(std::string_view beginning) {
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (parts_[i].starts_with(beginning)) taken_[i] = true;
  }
}

Type Decoder::type() {
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (taken_[i]) continue;
    if (const auto type = type_named(parts_[i])) {
      taken_[i] = true;
      return *type;
    }
  }
  unsupported("it names no type that is known");
}

Rounding Decoder::rounding() {
  switch (take_one_of({"rn", "rz", "rm", "rp", "rna"})) {
    case 1:
      return Rounding::toward_zero;
    case 2:
      return Rounding::down;
    case 3:
      return Rounding::up;
    case 4:
      return Rounding::nearest_away;
    default:
      return Rounding::nearest_even;
  }
}

void Decoder::finish(std::size_t operands_min, std::size_t operands_max) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (!taken_[i]) unsupported(fmt::format("suffix .{}", parts_[i]));
  }
  if (operand_count() < operands_min || operand_count() > operands_max) {
    unsupported(fmt::format("{} operands", operand_count()));
  }
}

Destination Decoder::destination_of(const Operand& operand) const {
  if (operand.kind == Operand::Kind::ignored) return {kernel_.ignored_register, ~std::uint64_t{0}};
  if (operand.kind != Operand::Kind::reg || operand.inverted)
    unsupported("a destination that is no register");
  const Type type = kernel_.function->registers[static_cast<std::size_t>(operand.index)].type;
  return {operand.index, low_bits(bits_of(type))};
}

Source Decoder::constant(std::uint64_t value) {
  const auto [place, is_new] = kernel_.constants.emplace(value, static_cast<int>(kernel_.register_count));
  if (is_new) ++kernel_.register_count;
  return {place->second};
}

Source Decoder::source_of(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::reg:
      return {operand.index, operand.inverted};
    case Operand::Kind::number:
      return constant(operand.bits);
    case Operand::Kind::symbol: {
      const auto found = kernel_.symbols.find(operand.name);
      if (found == kernel_.symbols.end()) unsupported(fmt::format("the name {}", operand.name));
      return constant(found->second + static_cast<std::uint64_t>(operand.offset));
    }
    default:
      unsupported("an operand of this kind");
  }
}

Address Decoder::address(std::size_t i) {
  const Operand& whole = operand(i);
  if (whole.kind != Operand::Kind::address) unsupported("an operand that is no address");
  return {source_of(whole.parts[0]), whole.offset};
}

std::uint32_t Decoder::label_named(const std::string& name) const {
  const auto found = kernel_.function->labels.find(name);
  if (found == kernel_.function->labels.end()) unsupported(fmt::format("the label {}", name));
  return static_cast<std::uint32_t>(found->second);
}

std::uint32_t Decoder::label(std::size_t i) const {
  return label_named(operand(i).name);
}

Action make_action(Decoder& decoder) {
  static const Makers makers = all_makers();
  const auto maker = makers.find(decoder.name());
  if (maker == makers.end()) decoder.unsupported("nothing of this name is known");
  return maker->second(decoder);
}

}  // namespace prophet::ptx
