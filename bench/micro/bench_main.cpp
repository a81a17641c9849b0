// The main of every benchmark program: what each result says about the machine and the program it is of.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include "bench/micro/bench_main.hpp"
#include "runtime/base/version.hpp"

namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

void add_provenance() {
  const prophet::Version version = prophet::program_version();
  benchmark::AddCustomContext("prophet_version", std::string(version.version));
  benchmark::AddCustomContext("git_commit", std::string(version.git_commit));
  benchmark::AddCustomContext("git_dirty", version.git_dirty ? "true" : "false");
  benchmark::AddCustomContext("processor", processor_name());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    add_provenance();
    prophet::micro::register_benchmarks();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
  return 0;
}
