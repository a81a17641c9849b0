#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// What the tokens of one step want of one layer, deduplicated: each expert once, with the rows that chose
/// it. Reused from layer to layer; no allocation after construction.
class LayerRequests {
 public:
  LayerRequests(ExpertGrid grid, std::uint32_t top_k, std::uint32_t tokens_max);

  /// Where the choices of a layer, [tokens, top_k] by rank, are written before gather(). REQUIRES: at most
  /// tokens_max tokens.
  [[nodiscard]] std::span<ExpertId> choices(std::size_t tokens) noexcept {
    return std::span(chosen_).first(tokens * top_k_);
  }
  /// Works out what `layer` wants from the choices of `tokens` tokens. REQUIRES: experts of the grid.
  void gather(LayerId layer, std::size_t tokens);

  /// Distinct experts, ascending.
  [[nodiscard]] std::span<const ExpertIndex> wanted() const noexcept {
    return {wanted_.data(), wanted_count_};
  }
  /// Positions in the step's tokens of those that chose wanted()[i], ascending.
  [[nodiscard]] std::span<const std::uint32_t> rows(std::size_t i) const noexcept {
    return {rows_.data() + first_row_[i], first_row_[i + 1] - first_row_[i]};
  }
  /// Where the rows of wanted()[i] begin among the outputs of all experts of the layer.
  [[nodiscard]] std::uint32_t first_output(std::size_t i) const noexcept { return first_row_[i]; }
  /// [tokens, top_k]: for each token and rank the row of that expert's output for it.
  [[nodiscard]] std::span<const std::uint32_t> slots() const noexcept { return {slots_.data(), slot_count_}; }
  /// What token `t` chose [top_k], by rank.
  [[nodiscard]] std::span<const ExpertId> chosen(std::size_t t) const noexcept {
    return std::span(chosen_).subspan(t * top_k_, top_k_);
  }

 private:
  ExpertGrid grid_;
  std::uint32_t top_k_;
  std::vector<ExpertId> chosen_;       ///< [tokens_max, top_k]
  std::vector<std::uint32_t> counts_;  ///< [experts], then the running position of each expert's rows
  std::vector<ExpertIndex> wanted_;
  std::vector<std::uint32_t> first_row_;  ///< [wanted + 1]
  std::vector<std::uint32_t> rows_;       ///< [tokens_max * top_k]
  std::vector<std::uint32_t> slots_;      ///< [tokens_max, top_k]
  std::size_t wanted_count_ = 0;
  std::size_t slot_count_ = 0;
};

}  // namespace prophet
