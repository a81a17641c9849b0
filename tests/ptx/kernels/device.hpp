#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/ptx/program.hpp"

namespace prophet::ptx {

/// One device that is the interpreter, with the PTX of all kernels. Host code reaches it through CUDA's
/// runtime calls (cuda_calls.cpp). Everything happens at once, whatever the stream. Not thread-safe.
class Device {
 public:
  static Device& instance();

  [[nodiscard]] Memory& memory() { return memory_; }
  /// What the compiler's start-up code says of a kernel, before there is a device: the host function that
  /// stands for it, and its mangled name.
  static void register_kernel(const void* host_function, const std::string& mangled_name);
  /// Starts a kernel; `arguments` point to one value for each parameter. False, and a failure of the running
  /// test, when the interpreter finds anything wrong.
  bool launch(const void* host_function, Launch launch, void* const* arguments);

  /// A graph: what was submitted while it was recorded.
  using Recording = std::vector<std::function<void()>>;
  /// Does it now, or records it.
  void submit(std::function<void()> work);
  void begin_recording() { recording_ = std::make_unique<Recording>(); }
  [[nodiscard]] std::unique_ptr<Recording> end_recording() { return std::move(recording_); }

  /// The kernels of one source, from the file that nvcc wrote; read when it is first asked for.
  struct Source {
    std::string name;  ///< "combine"
    std::string path;
    std::unique_ptr<Program> loaded;
  };
  [[nodiscard]] std::vector<Source>& sources() { return sources_; }
  Program& program(Source& source);

 private:
  struct Found {
    Program* program;
    std::string name;
  };

  Device();
  [[nodiscard]] Found find(const void* host_function);

  bool run(const Found& found, Launch launch);

  Memory memory_;
  std::unique_ptr<Recording> recording_;
  std::vector<Source> sources_;
  std::uint64_t seed_;
};

}  // namespace prophet::ptx
