#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/ptx/kernels/device.hpp"

namespace prophet::ptx {
namespace {

struct Count {
  std::size_t total = 0;
  std::size_t executed = 0;
};

void print(const std::map<std::string, Count>& counts, const char* title) {
  fmt::print("\n{:58} instructions  executed\n", title);
  for (const auto& [name, count] : counts)
    fmt::print("{:58} {:12} {:9}\n", name, count.total, count.executed);
}

/// After all tests of this program, with PROPHET_PTX_COVERAGE=1: what was executed.
class Coverage : public ::testing::Environment {
 public:
  void TearDown() override {
    if (std::getenv("PROPHET_PTX_COVERAGE") == nullptr) return;
    std::map<std::string, Count> opcodes, kernels;
    Count all;
    for (auto& source : Device::instance().sources()) {
      Program& program = Device::instance().program(source);
      for (const std::string& name : program.kernel_names()) {
        const std::string whole = demangled(name);
        const std::string short_name = source.name + ": " + short_of(whole);
        for (const Executed& step : program.executed(name)) {
          for (Count* count : {&opcodes[step.opcode], &kernels[short_name], &all}) {
            ++count->total;
            if (step.warps != 0) ++count->executed;
          }
        }
      }
    }
    print(opcodes, "opcode");
    print(kernels, "kernel");
    std::size_t reached = 0;
    for (const auto& [name, count] : opcodes) reached += count.executed != 0 ? 1 : 0;
    fmt::print("\n{} of {} opcodes, {} of {} instructions executed\n", reached, opcodes.size(), all.executed,
               all.total);
  }

 private:
  /// Without namespaces and parameters.
  static std::string short_of(const std::string& name) {
    std::string rest = name;
    for (const char* part :
         {"prophet::kernels::cuda::", "(anonymous namespace)::", "void ", "prophet::kernels::"}) {
      for (std::size_t at = rest.find(part); at != std::string::npos; at = rest.find(part)) {
        rest.erase(at, std::string_view(part).size());
      }
    }
    return rest.substr(0, rest.find('('));
  }
};

const auto* const registered = ::testing::AddGlobalTestEnvironment(new Coverage);

}  // namespace
}  // namespace prophet::ptx
