#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/report/forecast_rows.hpp"
#include "predictor/make_predictor.hpp"
#include "predictor/use_model.hpp"
#include "runtime/engine/forecast_evaluation.hpp"
#include "runtime/engine/policy_estimates.hpp"

namespace prophet {

/// What `eval-predictor` asks, whatever its routing comes from.
struct EvalSetup {
  std::vector<std::string> predictors;  ///< empty: all that the source can feed within seconds
  std::vector<std::uint32_t> ahead{1, 2, 3};
  std::vector<std::string> coverages{"1", "4", "8", "16", "all"};
  std::string policy = "lru";
  std::uint32_t slabs = 0;  ///< 0: slab_fraction
  double slab_fraction = 0.25;
  std::optional<std::uint32_t> staging_slabs;  ///< absent: top-k
  std::uint64_t seed = 1;
  std::string predictor_file;  ///< empty: what learns does so from the training sequences
  bool router_control = true;  ///< where routers are applied, each layer's own to its own input too
  bool quiet = false;
};

/// Adds them to a subcommand.
void add_eval_options(CLI::App& command, EvalSetup& setup);

/// Whether something that is asked learns from training sequences.
[[nodiscard]] bool learns(const EvalSetup& setup);

/// Predictors that are scored on the same passes, the controls among them, and the experts that are resident
/// meanwhile.
class EvalPanel {
 public:
  /// `options` says what the source has; its future is that of all passes to come. tokens_max: of one pass.
  /// `use_model` is what policy `forecast` has learned; null: it learns from the training sequences.
  /// Throws Error{usage} for what is asked by name and cannot be had; what is not asked by name is left out.
  EvalPanel(const EvalSetup& setup, const PredictorOptions& options, const RequestGroups& future,
            std::uint32_t tokens_max, std::shared_ptr<const UseModel> use_model);

  [[nodiscard]] ForecastEvaluation& evaluation() noexcept { return *evaluation_; }
  /// Of predictors that were left out, a sentence each.
  [[nodiscard]] const std::vector<std::string>& left_out() const noexcept { return left_out_; }
  [[nodiscard]] std::uint32_t slabs() const noexcept { return slabs_; }
  [[nodiscard]] std::uint32_t staging_slabs() const noexcept { return staging_slabs_; }
  /// What has been counted, the lead times left out.
  [[nodiscard]] ForecastReport report() const;

 private:
  void make_predictors(const EvalSetup& setup, const PredictorOptions& options);
  [[nodiscard]] std::unique_ptr<EvictionPolicy> policy(const EvalSetup& setup,
                                                       const PredictorOptions& options,
                                                       const RequestGroups& future);

  ExpertGrid grid_;
  std::uint32_t slabs_ = 0;
  std::uint32_t staging_slabs_ = 0;
  EvaluationPlan plan_;
  std::vector<std::string> left_out_;
  std::vector<std::unique_ptr<Predictor>> predictors_;  ///< the control, an oracle, is the last
  std::unique_ptr<Predictor> router_control_;           ///< where the source applies routers, else null
  std::shared_ptr<const UseModel> use_model_;
  std::optional<PolicyEstimates> estimates_;
  std::unique_ptr<ResidentExperts> resident_;
  std::unique_ptr<ForecastEvaluation> evaluation_;
};

/// Throws Error{check_failed} when a control does not read exactly 1, or read nothing at all.
void check_controls(const ForecastReport& report);

}  // namespace prophet
