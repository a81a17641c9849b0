#include "tests/ptx/kernels/device.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <regex>
#include <utility>

namespace prophet::ptx {
namespace {

/// The compiler's names of unnamed namespaces hold hashes that differ from one compilation to the next.
std::string without_hashes(const std::string& mangled_name) {
  static const std::regex hash("_[0-9a-f]{8}(?=_[0-9]+_)|_cu_[0-9a-f]{8}");
  return std::regex_replace(mangled_name, hash, "");
}

/// The source that a name in an unnamed namespace tells, or nothing.
std::string source_of(const std::string& mangled_name) {
  static const std::regex unnamed("_GLOBAL__N__[0-9a-f]{8}_[0-9]+_([A-Za-z0-9_]+?)_cu_");
  std::smatch match;
  return std::regex_search(mangled_name, match, unnamed) ? match[1].str() : "";
}

std::uint64_t first_seed() {
  const char* given = std::getenv("PROPHET_PTX_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "PROPHET_PTX_SEED=" << seed << '\n';
  return seed;
}

std::map<const void*, std::string>& registered_kernels() {
  static std::map<const void*, std::string> kernels;
  return kernels;
}

}  // namespace

Device& Device::instance() {
  static Device device;
  return device;
}

Device::Device() : seed_(first_seed()) {
  for (const auto& entry : std::filesystem::directory_iterator(PROPHET_PTX_FOLDER)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".ptx") continue;
    sources_.push_back({path.stem().string(), path.string(), nullptr});
  }
}

Program& Device::program(Source& source) {
  if (!source.loaded) source.loaded = std::make_unique<Program>(parse_file(source.path), memory_);
  return *source.loaded;
}

void Device::register_kernel(const void* host_function, const std::string& mangled_name) {
  registered_kernels()[host_function] = mangled_name;
}

Device::Found Device::find(const void* host_function) {
  const auto known = registered_kernels().find(host_function);
  if (known == registered_kernels().end()) throw Error("a launch of a function that is no kernel");
  const std::string wanted = without_hashes(known->second);
  const std::string source_name = source_of(known->second);
  for (Source& source : sources_) {
    if (!source_name.empty() && source.name != source_name) continue;
    for (const std::string& name : program(source).kernel_names()) {
      if (without_hashes(name) == wanted) return {&program(source), name};
    }
  }
  throw Error(fmt::format("no PTX of the kernel {}", demangled(known->second)));
}

void Device::submit(std::function<void()> work) {
  if (recording_) {
    recording_->push_back(std::move(work));
  } else {
    work();
  }
}

bool Device::run(const Found& found, Launch launch) {
  try {
    launch.seed = seed_++;
    found.program->run(found.name, launch);
    return true;
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
    return false;
  }
}

bool Device::launch(const void* host_function, Launch launch, void* const* arguments) {
  try {
    const Found found = find(host_function);
    const Function& function = found.program->function(found.name);
    launch.parameters.resize(function.parameter_bytes);
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
      const Variable& parameter = function.parameters[i];
      std::memcpy(launch.parameters.data() + parameter.offset, arguments[i], parameter.bytes);
    }
    bool fine = true;
    submit([this, found, launch, &fine, now = recording_ == nullptr] {
      const bool ran = run(found, launch);
      if (now) fine = ran;
    });
    return fine;
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
    return false;
  }
}

}  // namespace prophet::ptx
