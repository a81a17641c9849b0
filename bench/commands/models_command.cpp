#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bench/commands/commands.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

using Names = std::vector<std::string>;

double megabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

void print_model(const ModelShape& model) {
  fmt::print("{:<18} {:>5}/{:<4} {:>7} {:>5} {:>10.3f} {:<5} {:>11.3f} {:>13.1f} {:>13}\n", model.name,
             model.grid.layers, model.layers, model.grid.experts, model.top_k,
             megabytes(expert_bytes(model, model.expert_dtype)), dtype_name(model.expert_dtype),
             megabytes(expert_bytes(model, Dtype::bf16)), megabytes(non_expert_bytes(model, model.dtype)),
             kv_bytes_per_token(model, Dtype::bf16));
}

void print_models(const Names& names) {
  std::vector<ModelShape> models;
  for (const auto& name : names) models.push_back(load_model(name));
  fmt::print("{:<18} {:>5}/{:<4} {:>7} {:>5} {:>16} {:>11} {:>13} {:>13}\n", "", "MoE", "all", "", "",
             "expert MB", "expert MB", "non-expert", "KV bytes per");
  fmt::print("{:<18} {:>10} {:>7} {:>5} {:>16} {:>11} {:>13} {:>13}\n", "model", "layers", "experts", "top-k",
             "as shipped", "in bf16", "MB", "token in bf16");
  for (const auto& model : models) print_model(model);
  fmt::print("1 MB is 10^6 bytes. `prophet models --sources` says where the numbers come from.\n");
}

void print_model_sources(const Names& names) {
  for (const auto& name : names) {
    const ModelShape model = load_model(name);
    fmt::print("{:<18} {}\n", model.name, model.source);
  }
}

void print_profile(const GpuProfile& profile) {
  fmt::print(
      "{:<14} {:>10.1f} {:>9.0f} {:>7.0f} {:>7.1f} {:>10.1f} {:>10.1f} {:>8.1f} {:>9.1f} {:>9.1f}  {}\n",
      profile.name, static_cast<double>(profile.memory_bytes) / 0x1p30, profile.memory_bytes_per_s / 1e9,
      profile.flops_per_s / 1e12, profile.vector_flops_per_s / 1e12, profile.link_bytes_per_s / 1e9,
      profile.link_down_bytes_per_s / 1e9, static_cast<double>(profile.copy_latency_ns) / 1e3,
      static_cast<double>(profile.launch_latency_ns) / 1e3, static_cast<double>(profile.host_submit_ns) / 1e3,
      profile.measured ? "measured" : "shipped");
}

void print_profiles(const Names& names) {
  std::vector<GpuProfile> profiles;
  for (const auto& name : names) profiles.push_back(load_gpu_profile(name));
  fmt::print("{:<14} {:>10} {:>9} {:>7} {:>7} {:>10} {:>10} {:>8} {:>9} {:>9}\n", "", "memory", "memory",
             "bf16", "fp32", "link in", "link out", "copy", "launch", "submit");
  fmt::print("{:<14} {:>10} {:>9} {:>7} {:>7} {:>10} {:>10} {:>8} {:>9} {:>9}\n", "profile", "GiB", "GB/s",
             "TFLOPS", "TFLOPS", "GB/s", "GB/s", "us", "us", "us");
  for (const auto& profile : profiles) print_profile(profile);
  fmt::print("`prophet profiles --sources` says what each number rests on.\n");
}

void print_sources(const Names& names) {
  for (const auto& name : names) {
    const auto figures = gpu_profile_figures(name);
    fmt::print("{}\n", name);
    for (const auto& figure : figures) {
      fmt::print("  {:<27} {:>16g}  {}\n", figure.field, figure.value,
                 figure.source.empty() ? "(no source)" : figure.source);
    }
  }
}

}  // namespace

void add_models_command(CLI::App& app) {
  auto names = std::make_shared<Names>();
  auto* command = app.add_subcommand("models", "What the models that Prophet knows weigh");
  command->add_option("MODEL", *names,
                      "Names, or paths of a Hugging Face config.json; all known models by default");
  auto sources = std::make_shared<bool>(false);
  command->add_flag("--sources", *sources, "Where the numbers come from");
  command->callback([names, sources] {
    const auto asked = names->empty() ? catalogue_names() : *names;
    *sources ? print_model_sources(asked) : print_models(asked);
  });
}

void add_profiles_command(CLI::App& app) {
  auto names = std::make_shared<Names>();
  auto sources = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("profiles", "The GPU profiles of the sim device");
  command->add_option("PROFILE", *names, "Names, or paths of a profile; all shipped profiles by default");
  command->add_flag("--sources", *sources, "What each number rests on");
  command->callback([names, sources] {
    const auto asked = names->empty() ? gpu_profile_names() : *names;
    *sources ? print_sources(asked) : print_profiles(asked);
  });
}

}  // namespace prophet
