#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "predictor/make_predictor.hpp"
#include "predictor/train_use_model.hpp"
#include "predictor/trained/trained_predictor.hpp"
#include "predictor/use_model.hpp"
#include "runtime/cache/request_groups.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/recorded_logits.hpp"
#include "runtime/engine/replay_row.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/engine/workload.hpp"
#include "runtime/trace/routing_trace.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// Whether decode steps run as one captured graph where nothing is prefetched.
enum class GraphUse : std::uint8_t {
  off,
  automatic,  ///< where the device has such steps
  required,   ///< and Error{usage} where it has not
};

/// What all rows of one table share.
struct SessionOptions {
  std::string device = "cpu";
  DeviceOptions device_options;
  std::uint64_t steps = 0;
  std::uint32_t repetitions = 1;  ///< of each row; the one of median total time is kept
  std::uint32_t prefill_chunk_tokens = 512;
  std::uint64_t seed = 0;
  bool verify = true;
  GraphUse graph = GraphUse::automatic;
  std::uint64_t chunk_bytes = 2ULL << 20;
  std::uint32_t chunks_in_flight = 2;
  /// What predictor `mlp` and policy `forecast` have learned; null, or a part that is: from the training
  /// sequences, when it is first needed, with this told of it.
  TrainedPredictor trained;
  TrainingProgress training_progress;
  /// What routers ahead say of the trace's recorded hidden states, for predictors that listen; null: not
  /// known.
  std::shared_ptr<const RecordedLogits> routers_ahead;
  float adapt_rate = 0;                            ///< of predictor `mlp`; see MlpOptions
  ForecastOn forecast_on = ForecastOn::automatic;  ///< likewise
  bool record_timeline = false;                    ///< keep the operations of every run, for write_timeline
};

/// Replays one trace on one device, case by case, with the baselines that each case is judged against.
/// Baselines that several cases share run once. Owns its device and host store; the trace and split must
/// outlive it.
class ReplaySession {
 public:
  using Progress =
      std::function<void(const ReplayCase&, std::uint64_t steps_done, std::uint64_t steps_in_all)>;

  ReplaySession(const RoutingTrace& trace, const SequenceSplit& split, Workload workload,
                SessionOptions options, Progress progress);

  /// Runs one case. A cache with a slab for every expert has all of them before the first step, which is not
  /// counted; any other begins empty, unless misses need a placement. Throws Error{usage} for slabs of 0 or
  /// beyond the experts, Error{out_of_memory} when the device cannot hold them, and whatever the parts throw.
  [[nodiscard]] ReplayRow run(const ReplayCase& what);
  /// LRU on demand with the same slabs.
  [[nodiscard]] const ReplayRow& on_demand_lru(const ReplayCase& like);
  /// Static placement of the hottest experts of the training sequences, all others computed on the host where
  /// they are: what Fiddler and KTransformers do. Resident before the first step, which is not counted.
  [[nodiscard]] const ReplayRow& static_with_host(const ReplayCase& like);
  /// Every expert resident before the first step, on a device that is given the memory for it. A device with
  /// bytes cannot be given any: where it has too little, the row says that it did not run.
  [[nodiscard]] const ReplayRow& all_resident(std::uint32_t batch);
  /// Of a case that computes misses elsewhere, also of link and host at once.
  [[nodiscard]] ClairvoyantBound bound(const ReplayCase& like);

  /// Steps that a case with `batch` lanes runs.
  [[nodiscard]] const RequestGroups& requests(std::uint32_t batch);
  /// Writes what the device has done so far as a Chrome/Perfetto trace, with this JSON object as its
  /// provenance. REQUIRES: options.record_timeline.
  void write_timeline(const std::string& path, const std::string& provenance = "{}") const;

  /// Null where the trace's hidden states are not known.
  [[nodiscard]] const RecordedLogits* routers_ahead() const noexcept { return options_.routers_ahead.get(); }
  [[nodiscard]] const Workload& workload() const noexcept { return workload_; }
  [[nodiscard]] const DeviceInfo& device_info() const noexcept { return device_->info(); }
  /// The device itself where it is, or records, a cuda device; nullptr on others.
  [[nodiscard]] const CudaDevice* cuda() const noexcept { return cuda_; }
  /// What became of the memory of a cuda device; none on others.
  [[nodiscard]] std::optional<CudaMemoryReport> cuda_memory() const {
    if (cuda_ == nullptr) return std::nullopt;
    return cuda_->memory_report();
  }
  [[nodiscard]] double link_bytes_per_s() const noexcept { return link_bytes_per_s_; }
  [[nodiscard]] std::uint64_t host_store_bytes() const noexcept { return store_->total_bytes(); }

 private:
  [[nodiscard]] BatchSchedule schedule(std::uint32_t batch) const;
  [[nodiscard]] ReplayRow repeat_on(Device& device, const HostStore& store, const ReplayCase& what);
  [[nodiscard]] ReplayRow run_on(Device& device, const HostStore& store, const ReplayCase& what);
  [[nodiscard]] const MissCosts& miss_costs(const ReplayCase& like);
  [[nodiscard]] ReplayRow run_resident_if_it_fits(const ReplayCase& what);
  [[nodiscard]] const UseModel& use_model();
  [[nodiscard]] std::unique_ptr<EvictionPolicy> policy(const ReplayCase& what);
  /// The trace's training sequences, for something that learns from them.
  [[nodiscard]] PredictorOptions learner_options() const;
  [[nodiscard]] std::shared_ptr<const MlpModel> mlp_model();
  [[nodiscard]] std::unique_ptr<Predictor> predictor(Device& device, const ReplayCase& what);
  [[nodiscard]] std::unique_ptr<Predictor> oracle(std::uint32_t batch);
  void check(const ReplayCase& what) const;
  void check_graph(const ReplayCase& what, const StepLoop& loop) const;

  const RoutingTrace& trace_;
  const SequenceSplit& split_;
  Workload workload_;
  SessionOptions options_;
  Progress progress_;
  std::unique_ptr<Device> device_;
  const CudaDevice* cuda_ = nullptr;      ///< what device_ is, or records, where that is a cuda device
  RecordingDevice* recording_ = nullptr;  ///< device_ itself when it records
  std::unique_ptr<HostStore> store_;
  double link_bytes_per_s_ = 0;
  ChunkCost chunk_cost_;
  std::map<std::uint32_t, RequestGroups> requests_;  ///< by batch
  std::vector<std::uint64_t> popularity_;            ///< of the training sequences
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, ReplayRow>
      lru_rows_;                                      ///< batch, slabs, staging
  std::map<std::uint32_t, ReplayRow> resident_rows_;  ///< by batch
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, ReplayRow>
      static_host_rows_;                           ///< as lru_rows_
  std::map<std::uint32_t, MissCosts> miss_costs_;  ///< by batch
};

}  // namespace prophet
