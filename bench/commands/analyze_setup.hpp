#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"
#include "bench/analytic/selection.hpp"

namespace prophet {

/// What `prophet analyze` was asked for.
struct AnalyzeSetup {
  std::string catalogue;
  std::string model;
  std::string gpu;
  std::optional<std::uint32_t> batch;
  std::uint32_t context_tokens = 2048;
  double zipf = 0;
  std::optional<double> hit_rate;
  std::string curve_path;
  std::optional<std::uint32_t> gpus;
  std::string parallel;
  bool grid = false;
  bool sensitivity = false;
  std::string json_path;
  std::string csv_path;
};

void add_analyze_options(CLI::App& command, AnalyzeSetup& setup);

/// Throws Error{usage} for what is out of range, for no model where neither the grid nor the sensitivity is
/// asked for, for both of them, for several GPUs beside the sensitivity or without --parallel, and for
/// --parallel without --gpus.
void check_analyze_setup(const AnalyzeSetup& setup);

/// The options of a hit rate, which `analyze` and `recommend` share.
void add_hit_rate_options(CLI::App& command, AnalyzeSetup& setup);

/// What is to be computed: all of each, by each other.
struct AnalyzeSelection {
  analytic::Catalogue catalogue = analytic::Catalogue::real;
  std::vector<std::shared_ptr<const analytic::CatalogueModel>> models;
  std::vector<analytic::AnalyticGpu> gpus;
  std::vector<std::uint32_t> batches;
  analytic::CellOptions options;
};

/// One of each, by default an A100-80GB and batch 1; or of the study's grid those that the options name.
/// Throws Error{usage} when they name none of the grid, and as catalogue_model, catalogue_gpu and
/// check_division.
[[nodiscard]] AnalyzeSelection analyze_selection(const AnalyzeSetup& setup);

}  // namespace prophet
