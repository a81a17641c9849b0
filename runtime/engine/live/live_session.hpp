#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "predictor/trained/trained_predictor.hpp"
#include "predictor/use_model.hpp"
#include "runtime/cache/request_groups.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/engine/live/continuous_decode.hpp"
#include "runtime/engine/live/live_weights.hpp"
#include "runtime/engine/replay_row.hpp"

namespace prophet {

/// What all rows of one table share.
struct LiveSessionOptions {
  std::string device = "cpu";
  DeviceOptions device_options;
  std::filesystem::path model;                         ///< folder of config.json and its safetensors
  std::optional<kernels::ExpertFormat> expert_format;  ///< none: as stored
  kernels::FloatFormat kv_format = kernels::FloatFormat::fp32;
  DecodeOptions decode;
  bool bypass_prefill = true;
  bool verify = true;
  bool records_hidden = false;  ///< sinks are given the routers' inputs too
  /// Sinks are told what routers of so many coming layers say of a router's input, and with router_again what
  /// the same one says; a predictor that wants that is told without it.
  std::uint32_t routers_ahead = 0;
  bool router_again = false;
  std::uint64_t chunk_bytes = 0;  ///< 0: an eighth of an expert
  std::uint32_t chunks_in_flight = 2;
  bool record_timeline = false;
  const RoutingTrace* training = nullptr;  ///< what policies and predictors learn from; may be null
  /// What predictor `mlp` and policy `forecast` have learned; null, or a part that is: from `training`, when
  /// it is first needed.
  TrainedPredictor trained;
  ForecastOn forecast_on = ForecastOn::automatic;  ///< of predictor `mlp`
};

/// A case's measurement and what it generated.
struct LiveRow {
  ReplayRow row;
  std::vector<Continuation> continuations;  ///< [requests]
};

/// Generates the same continuations on one device, case by case, with the baselines that each case is judged
/// against. Baselines that several cases share run once. Owns everything; what the options and `requests`
/// point to must outlive it.
class LiveSession {
 public:
  /// Loads the model. Throws Error{bad_input} for what is wrong with its files, Error{out_of_memory} when
  /// device or host cannot hold it, Error{usage} for requests that do not fit its context.
  LiveSession(LiveSessionOptions options, std::span<const LiveRequest> requests);

  /// Runs one case; its batch is the options' lanes. A cache with a slab for every expert has all of them
  /// before the first step, as ReplaySession::run() has it. `on_token` may be empty, `sink` null.
  [[nodiscard]] LiveRow run(const ReplayCase& what, const ContinuousDecode::OnToken& on_token = {},
                            RoutingSink* sink = nullptr);
  [[nodiscard]] const LiveRow& on_demand_lru(const ReplayCase& like);
  /// Where the device has not the memory for it, the row says that it did not run.
  [[nodiscard]] const LiveRow& all_resident();
  /// Of a case that computes misses elsewhere, also of link and host at once. REQUIRES: such a one has run.
  [[nodiscard]] ClairvoyantBound bound(const ReplayCase& like);
  /// Distinct experts of every layer of every pass, which no case changes.
  [[nodiscard]] const RequestGroups& requests_of_experts();
  void write_timeline(const std::string& path, const std::string& provenance = "{}") const {
    recording_->write(path, provenance);
  }

  /// What predictors may learn from and what they are told; its future is the oracle's, where it is asked.
  [[nodiscard]] PredictorOptions predictor_options(std::uint32_t ahead_layers, bool with_future);

  [[nodiscard]] const TrainedPredictor& trained() const noexcept { return options_.trained; }
  [[nodiscard]] const LiveWeights& weights() const noexcept { return *weights_; }
  [[nodiscard]] const DeviceInfo& device_info() const noexcept { return device_->info(); }
  [[nodiscard]] double link_bytes_per_s() const noexcept { return link_bytes_per_s_; }
  [[nodiscard]] std::uint64_t kv_bytes() const noexcept { return kv_bytes_; }
  [[nodiscard]] std::uint32_t context_tokens() const noexcept { return context_tokens_; }

 private:
  [[nodiscard]] LiveRow run_on(const ReplayCase& what, const ContinuousDecode::OnToken& on_token,
                               RoutingSink* sink);
  [[nodiscard]] std::unique_ptr<EvictionPolicy> policy(const ReplayCase& what);
  [[nodiscard]] std::unique_ptr<Predictor> predictor(const ReplayCase& what);
  /// Throws Error{usage} where there is nothing that the case could learn from.
  void require_training(const ReplayCase& what) const;
  [[nodiscard]] const UseModel& use_model();

  LiveSessionOptions options_;
  std::span<const LiveRequest> requests_;
  std::unique_ptr<Device> device_;
  RecordingDevice* recording_ = nullptr;
  std::unique_ptr<LiveWeights> weights_;
  double link_bytes_per_s_ = 0;
  std::uint32_t context_tokens_ = 0;
  std::uint64_t kv_bytes_ = 0;
  std::vector<SequenceId> training_;
  std::vector<std::uint64_t> popularity_;
  std::optional<RequestGroups> expert_requests_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, LiveRow> lru_rows_;  ///< slabs, staging
  std::optional<LiveRow> resident_row_;
  MissCosts miss_costs_;  ///< as the latest run that did not copy all misses found them
};

}  // namespace prophet
