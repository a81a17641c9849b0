#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "predictor/mlp/ahead_choices.hpp"
#include "prophet/expert_grid.hpp"
#include "runtime/engine/live/continuous_decode.hpp"
#include "runtime/engine/live/routing_sink.hpp"
#include "runtime/model/decoder_config.hpp"
#include "runtime/trace/hidden_states.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What a recording is of.
struct RecordedShape {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t hidden_size = 0;                 ///< of the router's inputs; 0: they are not kept
  HiddenDtype hidden_dtype = HiddenDtype::bf16;  ///< bf16, or fp32: as the router had them
  std::uint32_t ahead_layers = 0;                ///< routers of so many coming layers are kept, by
  std::uint32_t ahead_ranks = 0;                 ///< so many first choices of each; 0: none is
  std::vector<std::uint32_t> moe_layer_numbers;  ///< [layers] among all layers of the model, ascending
};

/// Of a model, without hidden states and routers ahead.
[[nodiscard]] RecordedShape recorded_shape_of(const DecoderConfig& config);

/// Keeps what a live model's routers decide, token by token, until it is written as a trace. A sequence is
/// what a lane runs from one first token to the next; sequences stand in the order in which they began, which
/// is that of the requests. Memory: 6 bytes a choice and 2 or 4 a hidden value, up to
/// limits::recorded_bytes_max, 2 for each choice of a router ahead, and as much again for choices while the
/// trace is made.
class TraceRecorder final : public RoutingSink {
 public:
  /// Throws Error{usage} for layers that do not lie at one distance, which a trace cannot say.
  explicit TraceRecorder(RecordedShape shape);

  /// Throws Error{out_of_memory} beyond the limit.
  void on_layer(const RoutedLayer& routed) override;

  /// Writes the trace with the routers' weights (bf16 where that loses nothing, else fp32) and, where hidden
  /// states were kept, a sidecar beside it named as the trace with ".hidden" at the end. The first
  /// prompt.size() tokens of each request's sequence are its prompt; one that its continuation ended is
  /// flagged as finished. The last token of a continuation was never read, so no router saw it. Throws
  /// Error{bad_input} when nothing was recorded or the disk refuses.
  void write(const std::filesystem::path& path, const TraceProvenance& provenance,
             std::span<const LiveRequest> requests, std::span<const Continuation> continuations) const;

  /// The same trace, with the routers' weights, kept in memory.
  [[nodiscard]] RoutingTrace trace(const TraceProvenance& provenance, std::span<const LiveRequest> requests,
                                   std::span<const Continuation> continuations) const;
  /// What routers ahead said of the trace's rows.
  [[nodiscard]] AheadChoices ahead_choices() const;

  [[nodiscard]] std::uint64_t tokens() const noexcept;

 private:
  struct Sequence {
    std::size_t tokens = 0;
    std::vector<std::uint16_t> ids;    ///< [tokens, layers, top_k]
    std::vector<float> weights;        ///< as ids
    std::vector<std::byte> hidden;     ///< [tokens, layers, hidden_size] in hidden_dtype
    std::vector<std::uint16_t> ahead;  ///< [tokens, layers, ahead_layers, ahead_ranks]
  };

  /// Where a token of the running pass is kept.
  struct Place {
    std::size_t sequence = 0;
    std::size_t row = 0;
  };

  void begin_pass(std::span<const StepToken> tokens);
  void account(std::uint64_t bytes);
  void keep_hidden(const RoutedLayer& routed);
  void keep_ahead(const RoutedLayer& routed);
  [[nodiscard]] AheadChoices no_choices() const;
  void write_hidden(const std::filesystem::path& path) const;

  RecordedShape shape_;
  std::vector<Sequence> sequences_;   ///< in the order in which they began
  std::vector<std::size_t> running_;  ///< [lanes seen] each lane's sequence
  std::vector<Place> pass_;           ///< [tokens of the running pass]
  std::vector<std::uint16_t> order_;  ///< [experts]
  std::uint64_t kept_bytes_ = 0;
};

}  // namespace prophet
