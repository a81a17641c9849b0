#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/ptx/floats.hpp"
#include "tests/ptx/machine.hpp"

namespace prophet::ptx {

/// A value that an instruction reads: a register, and constants are registers too.
struct Source {
  int reg = -1;
  bool inverted = false;
  [[nodiscard]] const std::uint64_t* in(Warp& warp) const { return warp.values(reg); }
};

/// A register that an instruction writes; values are cut to its width.
struct Destination {
  int reg = -1;
  std::uint64_t mask = 0;
  [[nodiscard]] std::uint64_t* in(Warp& warp) const { return warp.values(reg); }
};

/// [base + offset]
struct Address {
  Source base;
  std::int64_t offset = 0;
};

/// One instruction while it is made ready to run. Every suffix must be taken: `finish` refuses what is left,
/// so that nothing is skipped silently.
class Decoder {
 public:
  Decoder(Kernel& kernel, const Instruction& instruction);

  [[nodiscard]] const std::string& name() const { return parts_.front(); }
  [[nodiscard]] const Instruction& instruction() const { return instruction_; }
  [[nodiscard]] std::size_t operand_count() const { return instruction_.operands.size(); }
  [[nodiscard]] const Operand& operand(std::size_t i) const;

  /// Takes a suffix if it is there.
  bool take(std::string_view suffix);
  /// Takes one of the suffixes; its place in the list, or -1.
  int take_one_of(std::initializer_list<std::string_view> suffixes);
  /// Takes all suffixes that begin so: hints.
  void take_all(std::string_view beginning);
  /// Takes the next suffix that is a type.
  Type type();
  /// Takes a rounding of floats (.rn), nearest even if there is none.
  Rounding rounding();
  /// Refuses suffixes that are left and another number of operands.
  void finish(std::size_t operands) const { finish(operands, operands); }
  void finish(std::size_t operands_min, std::size_t operands_max) const;

  Destination destination(std::size_t i) { return destination_of(operand(i)); }
  Destination destination_of(const Operand& operand) const;
  Source source(std::size_t i) { return source_of(operand(i)); }
  Source source_of(const Operand& operand);
  Address address(std::size_t i);
  /// The register that holds `value` in every lane.
  Source constant(std::uint64_t value);
  /// Register of the condition code.
  [[nodiscard]] int carry_register() const { return kernel_.carry_register; }
  [[nodiscard]] Kernel& kernel() { return kernel_; }
  /// The index of the instruction behind a label.
  [[nodiscard]] std::uint32_t label(std::size_t i) const;
  [[nodiscard]] std::uint32_t label_named(const std::string& name) const;
  void set_moves() { moves_ = true; }
  [[nodiscard]] bool moves() const { return moves_; }

  [[noreturn]] void unsupported(std::string_view what) const;

 private:
  Kernel& kernel_;
  const Instruction& instruction_;
  std::vector<std::string> parts_;
  std::vector<bool> taken_;
  bool moves_ = false;
};

using Maker = Action (*)(Decoder&);
using Makers = std::unordered_map<std::string_view, Maker>;

/// Each adds the instructions of one family, by the first word of their names.
void add_integer_makers(Makers& makers);
void add_bit_makers(Makers& makers);
void add_float_makers(Makers& makers);
void add_comparison_makers(Makers& makers);
void add_conversion_makers(Makers& makers);
void add_memory_makers(Makers& makers);
void add_copy_makers(Makers& makers);
void add_atomic_makers(Makers& makers);
void add_control_makers(Makers& makers);
void add_warp_makers(Makers& makers);

/// What an instruction does. Throws Error for one that is unsupported, with its line.
[[nodiscard]] Action make_action(Decoder& decoder);

// The shapes most instructions have: a function of bits, lane by lane.
template <class Function>
Action unary(Destination to, Source a, Function function) {
  return [=](Warp& warp, Mask lanes) {
    std::uint64_t* out = to.in(warp);
    const std::uint64_t* in = a.in(warp);
    each_lane(lanes, [&](unsigned lane) { out[lane] = function(in[lane]) & to.mask; });
    return true;
  };
}

template <class Function>
Action binary(Destination to, Source a, Source b, Function function) {
  return [=](Warp& warp, Mask lanes) {
    std::uint64_t* out = to.in(warp);
    const std::uint64_t* left = a.in(warp);
    const std::uint64_t* right = b.in(warp);
    each_lane(lanes, [&](unsigned lane) { out[lane] = function(left[lane], right[lane]) & to.mask; });
    return true;
  };
}

template <class Function>
Action ternary(Destination to, Source a, Source b, Source c, Function function) {
  return [=](Warp& warp, Mask lanes) {
    std::uint64_t* out = to.in(warp);
    const std::uint64_t* first = a.in(warp);
    const std::uint64_t* second = b.in(warp);
    const std::uint64_t* third = c.in(warp);
    each_lane(lanes,
              [&](unsigned lane) { out[lane] = function(first[lane], second[lane], third[lane]) & to.mask; });
    return true;
  };
}

}  // namespace prophet::ptx
