#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("format", "experts in"),
    shown_text("is_stored", "as stored"),
    shown_count("expert_bytes", "an expert", "bytes"),
    Shown{"all_experts_bytes", "all experts", "MB", to_mega, 2},
    Shown{"bits_per_token", "bits a token", "", 1, 5},
    Shown{"bits_per_token_standard_error", "+-", "", 1, 5},
    Shown{"perplexity", "perplexity", "", 1, 5},
    Shown{"bits_more", "bits more", "", 1, 6},
    Shown{"bits_more_standard_error", "+-", "", 1, 6},
    Shown{"same_top_share", "same top", "%", to_percent, 3},
    Shown{"kl_nats_mean", "mean KLD", "nats", 1, 7},
    Shown{"kl_nats_max", "max KLD", "nats", 1, 4},
    Shown{"same_routing_share", "same routing", "%", to_percent, 3},
};

}  // namespace

void add_perplexity(Section& section, const Result& result) {
  Table table = shown_table(fmt::format("Perplexity by format in {}", result.name), columns, result.rows());
  table.note =
      "bits more: than with the experts as the checkpoint stores them, on the same text; +-: standard error "
      "over windows. same top: predictions with the same most probable token. KLD: of a prediction, from the "
      "stored format's. same routing: choices of a router that are the same.";
  section.blocks.emplace_back(std::move(table));
}

}  // namespace prophet::page
