#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/mlp/input_group.hpp"
#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// What each lane chose in its last tokens, and how often it used each expert: all that input groups can ask
/// for. Training and forecasts read it alike, so that a net sees what it has learnt from. No allocation after
/// construction.
///
/// Popularity is kept by a gain that grows with each token instead of uses that shrink: a token then moves
/// the experts it chose and no others, and the order by use is always at hand.
class LaneHistory {
 public:
  /// REQUIRES: groups of this grid and top-k (see check_groups in mlp_model.hpp).
  /// Routers are heard up to `lookahead_layers` ahead, where a group asks for them.
  LaneHistory(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes, std::span<const InputGroup> groups,
              std::uint32_t lookahead_layers = 0);

  [[nodiscard]] std::uint32_t lanes() const noexcept { return lanes_; }
  void forget(LaneId lane);
  /// The lane's next token chose these at `layer`. REQUIRES: at most top_k experts.
  void add(LaneId lane, LayerId layer, std::span<const ExpertId> experts);
  /// The router of `target`, `ahead` layers behind `made_at` of the same token, said this of the input of
  /// `made_at`, which has been added: its first choices, best first. Kept as far as groups ask for it.
  void add_ahead(LaneId lane, LayerId made_at, std::uint32_t ahead, std::span<const std::uint16_t> ranked);
  /// So many of a router's choices are kept; 0: no group asks for them.
  [[nodiscard]] std::uint32_t ahead_ranks() const noexcept { return ahead_ranks_; }
  /// Writes the experts of `group` for the next token of `target`, as known `lookahead` layers before it:
  /// `ids`, of any length from top_k on, those that are lacking as grid.experts, which names none.
  void write(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t lookahead,
             std::span<std::uint32_t> ids) const;

 private:
  /// One decay of one lane and layer.
  struct Use {
    float gain = 1;
    std::uint32_t first = 0;  ///< of the experts in scores_ and order_
  };

  [[nodiscard]] std::size_t place(LaneId lane, LayerId layer) const noexcept {
    return lane.index() * grid_.layers + layer.index();
  }
  void raise(Use& use, ExpertId expert);
  void write_choice(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t distance,
                    std::span<std::uint32_t> ids) const;
  void write_ahead(LaneId lane, const InputGroup& group, LayerId target, std::uint32_t lookahead,
                   std::span<std::uint32_t> ids) const;
  [[nodiscard]] std::size_t router(LaneId lane, LayerId made_at, std::uint32_t ahead) const noexcept {
    return place(lane, made_at) * lookahead_layers_ + ahead - 1;
  }
  void write_popular(LaneId lane, const InputGroup& group, LayerId target,
                     std::span<std::uint32_t> ids) const;

  ExpertGrid grid_;
  std::uint32_t top_k_;
  std::uint32_t lanes_;
  std::uint32_t tokens_kept_;          ///< a token of a layer is overwritten after so many
  std::vector<float> keeps_;           ///< the decays that groups ask for
  std::vector<std::uint32_t> tokens_;  ///< [lanes, layers] chosen since the lane started
  std::vector<std::uint16_t> chosen_;  ///< [lanes, layers, tokens_kept, top_k]
  std::vector<Use> uses_;              ///< [lanes, layers, decays]
  std::vector<float> scores_;          ///< [lanes, layers, decays, experts]
  std::vector<std::uint16_t> order_;   ///< the same, by falling score
  std::uint32_t ahead_ranks_;
  std::uint32_t lookahead_layers_;  ///< of routers that are heard; 0 where none are
  std::vector<std::uint32_t>
      said_at_;  ///< [lanes, layers, lookahead_layers] tokens of the layer by then; 0: never
  std::vector<std::uint16_t> said_;  ///< [lanes, layers, lookahead_layers, ahead_ranks]
};

}  // namespace prophet
