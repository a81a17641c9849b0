#include "tests/ptx/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "runtime/base/random.hpp"
#include "tests/ptx/decoder.hpp"

namespace prophet::ptx {
namespace {

constexpr std::size_t block_threads_max = 1024;
constexpr std::size_t variable_align = 256;
constexpr std::size_t dynamic_shared_align = 16;
// NVIDIA, "CUDA C++ Programming Guide", technical specifications per compute capability.
constexpr std::size_t shared_bytes_max_sm_80 = std::size_t{163} << 10;
constexpr std::size_t shared_bytes_max_sm_90 = std::size_t{227} << 10;

}  // namespace

Program::Program(Module module, Memory& memory) : module_(std::move(module)), memory_(memory) {
  for (const Variable& variable : module_.variables) {
    if (variable.space != Space::shared) place_variable(variable);
  }
}

Program::~Program() {
  for (const auto& [name, address] : symbols_) memory_.remove(std::bit_cast<void*>(address));
}

void Program::place_variable(const Variable& variable) {
  if (variable.is_extern) throw Error(fmt::format("variable {} is defined elsewhere", variable.name));
  auto& storage = variables_.emplace_back(std::make_unique<std::byte[]>(variable.bytes + variable_align));
  void* place = storage.get();
  std::size_t room = variable.bytes + variable_align;
  std::align(std::max<std::size_t>(variable.align, 16), variable.bytes, place, room);
  if (!variable.initial.empty()) std::memcpy(place, variable.initial.data(), variable.initial.size());
  memory_.add(place, variable.bytes, variable.name, true, variable.space == Space::global);
  symbols_[variable.name] = std::bit_cast<std::uint64_t>(place);
}

std::vector<std::string> Program::kernel_names() const {
  std::vector<std::string> names;
  for (const Function& function : module_.functions) {
    if (function.is_entry) names.push_back(function.name);
  }
  return names;
}

const Function& Program::function(std::string_view mangled_name) const {
  for (const Function& function : module_.functions) {
    if (function.is_entry && function.name == mangled_name) return function;
  }
  throw Error(fmt::format("there is no kernel {}", mangled_name));
}

namespace {

/// Static variables in their order, then dynamic memory: the same offsets at every launch of a kernel.
void place_shared(Kernel& kernel, const std::vector<Variable>& variables, SharedMemory& shared) {
  for (const Variable& variable : variables) {
    if (variable.space != Space::shared || variable.bytes == 0) continue;
    kernel.symbols[variable.name] = shared.allocate(variable.bytes, variable.align);
    kernel.shared_static.emplace_back(variable.bytes, variable.align);
  }
}

void place_dynamic_shared(Kernel& kernel, const std::vector<Variable>& variables, SharedMemory& shared) {
  for (const Variable& variable : variables) {
    if (variable.space != Space::shared || variable.bytes != 0) continue;
    kernel.symbols[variable.name] = shared.allocate(0, dynamic_shared_align);
  }
}

/// The registers of an operand; where a number stands, the one that holds nothing of interest.
void collect_registers(const Operand& operand, int other, std::vector<int>& registers) {
  if (operand.kind == Operand::Kind::reg) {
    registers.push_back(operand.index);
  } else if (operand.parts.empty()) {
    registers.push_back(other);
  }
  for (const Operand& part : operand.parts) collect_registers(part, other, registers);
}

/// Instructions whose first operand is no destination.
bool only_reads(const std::string& name) {
  static const std::set<std::string, std::less<>> names{"st",  "red",     "bra", "brx",
                                                        "bar", "barrier", "cp",  "prefetch"};
  return names.contains(name);
}

Step make_step(Kernel& kernel, const Instruction& instruction) {
  Decoder decoder(kernel, instruction);
  Step step{.guard = instruction.guard,
            .guard_inverted = instruction.guard_inverted,
            .line = instruction.line,
            .opcode = instruction.opcode};
  step.action = make_action(decoder);
  for (std::size_t i = 0; i < instruction.operands.size(); ++i) {
    collect_registers(instruction.operands[i], kernel.ignored_register,
                      i == 0 && !only_reads(decoder.name()) ? step.writes : step.reads);
  }
  if (instruction.guard >= 0) step.reads.push_back(instruction.guard);
  step.moves = decoder.moves();
  return step;
}

}  // namespace

Kernel& Program::prepare(std::string_view mangled_name) {
  const auto known = kernels_.find(mangled_name);
  if (known != kernels_.end()) return known->second;
  Kernel kernel{.function = &function(mangled_name)};
  const Function& function = *kernel.function;
  kernel.symbols = symbols_;
  for (const Variable& parameter : function.parameters) kernel.symbols[parameter.name] = parameter.offset;
  SharedMemory layout;
  place_shared(kernel, function.shared, layout);
  place_shared(kernel, module_.variables, layout);
  place_dynamic_shared(kernel, module_.variables, layout);
  kernel.register_count = function.registers.size();
  kernel.ignored_register = static_cast<int>(kernel.register_count++);
  kernel.carry_register = static_cast<int>(kernel.register_count++);
  for (const Instruction& instruction : function.body) kernel.steps.push_back(make_step(kernel, instruction));
  return kernels_.emplace(mangled_name, std::move(kernel)).first->second;
}

void Program::prepare_all() {
  for (const std::string& name : kernel_names()) prepare(name);
}

void Program::check(const Kernel& kernel, const Launch& launch) const {
  const Function& function = *kernel.function;
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format("{}: {}", demangled(function.name), why));
  };
  const std::size_t threads = launch.block.count();
  if (launch.grid.count() == 0 || threads == 0) refuse("an empty grid or block");
  if (threads > block_threads_max) refuse(fmt::format("{} threads a block: expected at most 1024", threads));
  if (const auto& most = function.block_threads_max; most && threads > (*most)[0] * (*most)[1] * (*most)[2]) {
    refuse(
        fmt::format("{} threads a block, but the kernel was compiled for at most {}", threads, (*most)[0]));
  }
  if (launch.parameters.size() != function.parameter_bytes) {
    refuse(fmt::format("{} bytes of parameters, expected {}", launch.parameters.size(),
                       function.parameter_bytes));
  }
  std::size_t shared_bytes = launch.shared_bytes;
  for (const auto& [bytes, align] : kernel.shared_static) shared_bytes += bytes;
  const std::size_t most =
      module_.target.starts_with("sm_8") ? shared_bytes_max_sm_80 : shared_bytes_max_sm_90;
  if (shared_bytes > most)
    refuse(fmt::format("{} bytes of shared memory: expected at most {}", shared_bytes, most));
}

void Program::run(std::string_view mangled_name, const Launch& launch) {
  Kernel& kernel = prepare(mangled_name);
  check(kernel, launch);
  SharedMemory shared;
  for (const auto& [bytes, align] : kernel.shared_static) shared.allocate(bytes, align);
  shared.allocate(launch.shared_bytes, dynamic_shared_align);
  Random random(launch.seed);
  std::vector<std::uint64_t> order(launch.grid.count());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Block block(kernel, launch, memory_, shared);
  for (const std::uint64_t i : order) {
    const Dim index{static_cast<unsigned>(i % launch.grid.x),
                    static_cast<unsigned>(i / launch.grid.x % launch.grid.y),
                    static_cast<unsigned>(i / launch.grid.x / launch.grid.y)};
    block.run(index, random.next());
  }
}

std::vector<Executed> Program::executed(std::string_view mangled_name) {
  std::vector<Executed> all;
  for (const Step& step : prepare(mangled_name).steps)
    all.push_back({step.opcode, step.line, step.executions});
  return all;
}

}  // namespace prophet::ptx
