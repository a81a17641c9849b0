#pragma once

#include <cstdint>
#include <span>

#include "runtime/device/handles.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "runtime/engine/step_model.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// Computes experts of a layer on the host's cores, from the host store: the rows that the experts read are
/// copied to pinned memory, and the results to where the accelerator would have written them.
///
/// Everything is submitted to one host_compute stream, in order: rows, experts, results. All of the device's
/// host cores compute an expert together, so that one costs the same however many there are. The caller has
/// seen the layer's router finish, so the rows are there; the compute stream waits for the results before it
/// combines. One host thread; no allocation after construction. Everything it is given must outlive it.
class HostExperts {
 public:
  /// For steps of at most `tokens_max` tokens. Throws Error{out_of_memory} when the host cannot hold their
  /// rows.
  HostExperts(Device& device, const HostStore& store, const StepModel& model, std::uint32_t tokens_max);

  /// Starts the experts at these positions of requests.wanted() (ascending, not empty). REQUIRES: at most
  /// tokens_max tokens, and the requests stay as they are until bring_results.
  void start(LayerId layer, const LayerRequests& requests, std::span<const std::uint32_t> positions,
             std::uint32_t tokens);
  /// What is submitted to `compute` from now on comes behind the results of start's experts.
  void bring_results(StreamId compute);

  /// An expert's operation on the host, of `rows` rows from `first_output` on, without slab and rows.
  [[nodiscard]] ExpertOp host_op(std::uint32_t tokens, std::uint32_t first_output, std::uint32_t rows) const;
  [[nodiscard]] StreamId stream() const noexcept { return stream_.id(); }
  /// Bytes of rows and results that have crossed the link.
  [[nodiscard]] std::uint64_t activation_bytes() const noexcept { return activation_bytes_; }
  [[nodiscard]] std::uint32_t tokens_max() const noexcept { return tokens_max_; }

 private:
  void copy_results(std::uint32_t first_output, std::uint32_t rows);

  Device& device_;
  const HostStore& store_;
  const StepModel& model_;
  std::uint32_t tokens_max_;
  std::uint64_t row_bytes_;
  Buffer hidden_;   ///< [tokens_max, hidden_size] fp32, pinned
  Buffer outputs_;  ///< [tokens_max * top_k, hidden_size] fp32, pinned: as the accelerator's own
  Stream stream_;
  Event done_;
  LayerId layer_;
  const LayerRequests* requests_ = nullptr;   ///< of the running layer
  std::span<const std::uint32_t> positions_;  ///< likewise
  std::uint32_t tokens_ = 0;
  std::uint64_t activation_bytes_ = 0;
};

}  // namespace prophet
