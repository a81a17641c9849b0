#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/ptx/program.hpp"

namespace prophet::ptx {

/// Bodies of one kernel "k" whose only parameter points to `words` of global memory: "p" is its address in a
/// 64-bit register, "t" is the thread's number, "a" the address of the thread's own word.
inline std::string kernel_of(const std::string& body) {
  return fmt::format(R"(
.version 9.0
.target sm_90
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry k(.param .u64 k_param_0) {{
  .reg .pred %p<10>;
  .reg .b16 %h<10>;
  .reg .b32 %r<20>;
  .reg .b64 %d<20>;
  .reg .f32 %f<10>;
  .reg .b64 p, a;
  .reg .b32 t;
  .shared .align 16 .b8 s[1024];
  ld.param.u64 p, [k_param_0];
  mov.u32 t, %tid.x;
  mad.wide.u32 a, t, 4, p;
{}
  ret;
}}
)",
                     body);
}

struct RunShape {
  unsigned threads = 32;
  unsigned blocks = 1;
  std::size_t shared_bytes = 0;
  std::uint64_t seed = 1;
};

/// The words after the kernel ran on them.
inline std::vector<std::uint32_t> run_body(const std::string& body, std::vector<std::uint32_t> words,
                                           const RunShape& shape = {}) {
  Memory memory;
  memory.add(words.data(), words.size() * sizeof(std::uint32_t), "words", true);
  Program program(parse(kernel_of(body)), memory);
  Launch launch{.grid = {shape.blocks},
                .block = {shape.threads},
                .shared_bytes = shape.shared_bytes,
                .seed = shape.seed};
  const auto address = std::bit_cast<std::uint64_t>(words.data());
  launch.parameters.resize(sizeof address);
  std::memcpy(launch.parameters.data(), &address, sizeof address);
  program.run("k", launch);
  return words;
}

/// What a kernel of one thread leaves in the first word when it runs with others behind it.
inline std::uint32_t result_of(const std::string& body, std::vector<std::uint32_t> words = {0, 0, 0, 0}) {
  return run_body(body, std::move(words), {.threads = 1}).front();
}

/// The sentence with which a run is refused, or nothing.
inline std::string refusal_of(const std::string& body, const RunShape& shape = {},
                              std::size_t word_count = 256) {
  try {
    run_body(body, std::vector<std::uint32_t>(word_count), shape);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace prophet::ptx
