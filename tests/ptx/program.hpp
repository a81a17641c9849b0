#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/ptx/machine.hpp"
#include "tests/ptx/memory.hpp"
#include "tests/ptx/module.hpp"

namespace prophet::ptx {

/// How often one instruction of a kernel ran.
struct Executed {
  std::string opcode;
  int line = 0;
  std::uint64_t warps = 0;
};

/// A module with its variables in memory, ready to launch its kernels. Not thread-safe.
class Program {
 public:
  /// Variables become buffers of `memory`, which must live longer.
  Program(Module module, Memory& memory);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Mangled names of all kernels.
  [[nodiscard]] std::vector<std::string> kernel_names() const;
  /// Makes every kernel ready. Throws Error at an instruction that is unsupported.
  void prepare_all();
  /// The layout of a kernel's parameters.
  [[nodiscard]] const Function& function(std::string_view mangled_name) const;
  /// Runs every block to its end, in an order drawn from the seed. Throws Error at whatever is wrong.
  void run(std::string_view mangled_name, const Launch& launch);
  [[nodiscard]] std::vector<Executed> executed(std::string_view mangled_name);

 private:
  Kernel& prepare(std::string_view mangled_name);
  void place_variable(const Variable& variable);
  void check(const Kernel& kernel, const Launch& launch) const;

  Module module_;
  Memory& memory_;
  std::vector<std::unique_ptr<std::byte[]>> variables_;
  std::map<std::string, std::uint64_t, std::less<>> symbols_;
  std::map<std::string, Kernel, std::less<>> kernels_;
};

}  // namespace prophet::ptx
