#include "bench/report/recall_table.hpp"

#include <fmt/format.h>

namespace prophet {
namespace {

/// Recall at top-k, at twice that, and loss; dashes where nothing was forecast.
struct Figures {
  explicit Figures(const Recall& recall) {
    if (recall.forecasts == 0) return;
    k = fmt::format("{:.4f}", recall.recall_k());
    twice = fmt::format("{:.4f}", recall.recall_2k());
    loss = fmt::format("{:.3f}", recall.loss());
  }
  std::string k = "-";
  std::string twice = "-";
  std::string loss = "-";
};

template <class Line>
std::string lines(const std::vector<RecallRow>& rows, const Line& line) {
  std::string text;
  const std::size_t distances = rows.empty() ? 0 : rows.front().ahead.size();
  for (std::size_t i = 0; i < distances; ++i) {
    for (const RecallRow& row : rows)
      text +=
          line(row.ahead[i].ahead, row.predictor, Figures(row.ahead[i].within), Figures(row.ahead[i].across));
  }
  return text;
}

}  // namespace

std::string recall_table(const std::vector<RecallRow>& rows, std::uint32_t top_k) {
  const auto head =
      fmt::format("{:>6}  {:<15} {:>10} {:>10} {:>8}   {:>10} {:>10} {:>8}\n", "ahead", "predictor",
                  fmt::format("recall@{}", top_k), fmt::format("recall@{}", 2 * top_k), "loss",
                  fmt::format("into: @{}", top_k), fmt::format("@{}", 2 * top_k), "loss");
  return head + lines(rows, [](std::uint32_t ahead, const std::string& name, const Figures& within,
                               const Figures& across) {
           return fmt::format("{:>6}  {:<15} {:>10} {:>10} {:>8}   {:>10} {:>10} {:>8}\n", ahead, name,
                              within.k, within.twice, within.loss, across.k, across.twice, across.loss);
         });
}

std::string recall_markdown(const std::vector<RecallRow>& rows, std::uint32_t top_k) {
  const auto head = fmt::format(
      "| layers ahead | predictor | recall@{0} | recall@{1} | loss | into the next token: recall@{0} | "
      "recall@{1} | "
      "loss |\n|---|---|---|---|---|---|---|---|\n",
      top_k, 2 * top_k);
  return head + lines(rows, [](std::uint32_t ahead, const std::string& name, const Figures& within,
                               const Figures& across) {
           return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", ahead, name, within.k,
                              within.twice, within.loss, across.k, across.twice, across.loss);
         });
}

}  // namespace prophet
