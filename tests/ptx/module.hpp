#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/ptx/types.hpp"

namespace prophet::ptx {

enum class Space : std::uint8_t { generic, global, constant, shared, local, param };

struct Operand {
  enum class Kind : std::uint8_t {
    reg,      ///< register `index`; `inverted` for !p
    number,   ///< `bits`
    symbol,   ///< a variable, label or function called `name`
    address,  ///< [parts[0] + offset]
    vector,   ///< {parts}
    either,   ///< parts[0] | parts[1]: two destinations
    list,     ///< (parts) of a call
    ignored   ///< _
  };

  Kind kind = Kind::ignored;
  int index = -1;
  bool inverted = false;
  std::uint64_t bits = 0;
  std::string name{};
  std::int64_t offset = 0;
  std::vector<Operand> parts{};
};

struct Instruction {
  std::string opcode{};  ///< whole, "fma.rn.f32"
  int guard = -1;        ///< the predicate register before it, or -1
  bool guard_inverted = false;
  std::vector<Operand> operands{};
  int line = 0;
};

/// A variable of global, constant or shared memory, or a parameter.
struct Variable {
  std::string name{};
  Space space = Space::global;
  Type type = Type::b8;
  std::size_t align = 1;
  std::size_t bytes = 0;             ///< 0 for the array of unknown size that is dynamic shared memory
  std::size_t offset = 0;            ///< of a parameter, among the kernel's
  std::vector<std::byte> initial{};  ///< what it holds at first; shorter than `bytes` when the rest is 0
  bool is_extern = false;
};

struct Register {
  std::string name;
  Type type = Type::b32;
};

struct Function {
  std::string name{};  ///< mangled
  bool is_entry = false;
  std::vector<Variable> parameters{};
  std::size_t parameter_bytes = 0;
  std::vector<Register> registers{};  ///< special registers (%tid.x) are among them, by their names
  std::vector<Variable> shared{};
  std::vector<Instruction> body{};
  std::map<std::string, std::size_t, std::less<>> labels{};  ///< each the index of an instruction
  std::map<std::string, std::vector<std::string>, std::less<>> branch_targets{};  ///< tables of brx.idx
  std::optional<std::array<unsigned, 3>> block_threads_max{};                     ///< .maxntid
};

struct Module {
  std::string target;  ///< "sm_80"
  std::vector<Variable> variables;
  std::vector<Function> functions;
};

/// Throws Error at the first thing that it does not know.
[[nodiscard]] Module parse(std::string_view text);
[[nodiscard]] Module parse_file(const std::string& path);

/// C++ name of a mangled one; that of a kernel in an unnamed namespace does not show nvcc's hashes:
/// "prophet::kernels::cuda::(anonymous namespace)::combine_kernel(float*, ...)".
[[nodiscard]] std::string demangled(const std::string& name);

}  // namespace prophet::ptx
