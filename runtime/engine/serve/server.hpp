#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "runtime/engine/serve/attention_work.hpp"
#include "runtime/engine/serve/boundary_controller.hpp"
#include "runtime/engine/serve/kv_boundary.hpp"
#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/engine/serve/peak_demand.hpp"
#include "runtime/engine/serve/routing_rows.hpp"
#include "runtime/engine/serve/serve_options.hpp"
#include "runtime/engine/serve/serve_result.hpp"
#include "runtime/engine/serve/served_model.hpp"
#include "runtime/engine/serve/slab_worth.hpp"
#include "runtime/engine/serve/token_names.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/trace/requests/request_record.hpp"

namespace prophet {

/// A request that its user no longer wants.
struct Cancellation {
  std::uint64_t time_ns = 0;
  RequestId request;
};

/// What a run serves, and with what model. All must outlive the run.
struct ServeInput {
  std::span<const RequestRecord> requests;      ///< in the order of arrival
  double load = 1;                              ///< arrivals come so many times as fast as recorded
  std::span<const Cancellation> cancellations;  ///< in the order of time
  const RoutingRows* rows = nullptr;
  AttentionCost attention;
  double copy_ns = 0;  ///< of one expert over the link
};

/// Serves requests with continuous batching on one device, whose memory the experts and the KV cache share.
///
/// A step: what has arrived joins the queue; the controller may move the boundary; one prefill pass computes
/// up to prefill_chunk_tokens tokens of prompts, first of those that run, then of the head of the queue as
/// long as there are pages for all its tokens (first come, first served; nobody overtakes); one decode pass
/// generates a token of each request that has no prompt left to compute. Who needs a page and finds none
/// takes those of the youngest running request. What a pass takes is what StepLoop takes for it on the
/// device, attention over the contexts included; when nobody is there the clock goes on to the next arrival.
///
/// One thread. The device, the store, the loop, the model, the curve and the space must outlive it. When the
/// device refuses a move of the boundary for want of memory, nothing has changed and the run goes on; any
/// other Error ends it.
class Server {
 public:
  struct Parts {
    Device& device;
    StepLoop& loop;
    ServedModel& model;
    RunningCurve& curve;
    KvSpace& kv;
  };
  Server(const Parts& parts, const ServeInput& input, const ServeOptions& options);

  /// Told after each step; false ends the run.
  using AfterStep = std::function<bool(const Server&)>;
  [[nodiscard]] ServeResult run(const AfterStep& after_step = {});

  [[nodiscard]] std::uint64_t steps() const noexcept { return result_.steps; }
  [[nodiscard]] std::span<const ServedRequest> requests() const noexcept { return result_.requests; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
  [[nodiscard]] std::uint64_t over() const noexcept { return over_; }
  [[nodiscard]] const KvSpace& kv() const noexcept { return kv_; }

 private:
  /// So much of a request's tokens in the pass.
  struct Part {
    RequestId request;
    std::uint32_t tokens = 0;
  };

  [[nodiscard]] std::uint64_t now_ns() { return device_.now_ns() - started_ns_ + skipped_ns_; }
  [[nodiscard]] ServedRequest& at(RequestId id) noexcept { return result_.requests[id.index()]; }

  // server.cpp
  [[nodiscard]] bool step();
  void take_arrivals();
  void take_cancellations();
  [[nodiscard]] bool wait_for_arrival();
  [[nodiscard]] bool prefill_pass();
  [[nodiscard]] bool decode_pass();
  void run_pass(StepKind kind);
  void generate(RequestId id);
  void end(RequestId id, RequestPhase phase);
  [[nodiscard]] ServeResult finish();

  // server_admission.cpp
  void continue_prompts(std::uint32_t& budget);
  void admit_waiting(std::uint32_t& budget);
  [[nodiscard]] bool admit(RequestId id, std::uint32_t& budget);
  [[nodiscard]] bool bring_back(RequestId id);
  [[nodiscard]] bool fits(std::uint64_t pages);
  [[nodiscard]] std::uint64_t promised_pages() const;
  void make_room();
  void preempt(RequestId id);
  [[nodiscard]] bool swap_out(RequestId id);
  void forget_computed(RequestId id);

  // server_boundary.cpp
  void lend_first();
  void move_boundary();
  [[nodiscard]] BoundaryView view();
  [[nodiscard]] double requests_per_slab();
  [[nodiscard]] std::uint32_t waiting_for_pages() const noexcept;
  [[nodiscard]] bool lend_for_growth();
  [[nodiscard]] std::uint64_t kv_pages_max() const noexcept;
  void note_boundary();

  Device& device_;
  StepLoop& loop_;
  ServedModel& model_;
  RunningCurve& curve_;
  KvSpace& kv_;
  ServeInput input_;
  ServeOptions options_;
  KvBoundary boundary_;
  BoundaryController controller_;
  SlabWorth worth_;
  TokenNames names_;
  ServeResult result_;

  std::deque<RequestId> waiting_;   ///< the head in front
  std::vector<RequestId> running_;  ///< the oldest first
  std::vector<Part> pass_;
  std::vector<StepToken> tokens_;
  AttentionWork work_;
  std::size_t next_arrival_ = 0;
  std::size_t next_cancellation_ = 0;
  std::uint64_t over_ = 0;
  std::uint64_t started_ns_ = 0;
  std::uint64_t skipped_ns_ = 0;        ///< in which nobody was there
  std::uint64_t head_lacks_pages_ = 0;  ///< for the head of the queue to begin
  std::uint64_t lost_ns_ = 0;           ///< of this step, for SlabWorth
  double prefill_ns_per_token_ = 0;     ///< running mean
  PeakDemand demand_;
  std::uint64_t lent_first_ = 0;  ///< before the first step
  std::uint32_t lent_this_step_ = 0;
  std::uint64_t long_wait_steps_ = 0;  ///< for which the boundary has been moving for a long prompt
  double kv_slab_steps_ = 0;
};

}  // namespace prophet
