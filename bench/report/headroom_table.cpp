#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/report/headroom_rows.hpp"

namespace prophet {
namespace {

constexpr double gib = 1ULL << 30;
constexpr int name_width = 34;

using Cells = std::vector<HeadroomCell>;
using BytesOf = std::function<std::uint64_t(const HeadroomTerms&)>;

std::string line(std::string_view name, const Cells& cells,
                 const std::function<std::string(const HeadroomCell&)>& text_of) {
  std::string text = fmt::format("{:<{}}", name, name_width);
  for (const HeadroomCell& cell : cells) text += fmt::format("  {:>26}", text_of(cell));
  return text + "\n";
}

std::string bytes_line(std::string_view name, const Cells& cells, const BytesOf& bytes_of) {
  return line(name, cells, [&](const HeadroomCell& cell) {
    const std::uint64_t bytes = bytes_of(cell.measured);
    return fmt::format("{} {:>9.3f}", bytes, static_cast<double>(bytes) / gib);
  });
}

std::string count_line(std::string_view name, const Cells& cells, const BytesOf& count_of) {
  return line(name, cells, [&](const HeadroomCell& cell) {
    return cell.measured.placed() ? fmt::format("{}", count_of(cell.measured)) : std::string("-");
  });
}

std::string heading(const HeadroomCell& cell) {
  const HeadroomQuestion& question = cell.question;
  if (question.all_resident()) return "all-resident";
  return fmt::format(
      "{} + {} slabs, {:.1f} %", question.cache_slabs, question.staging_slabs,
      100.0 * static_cast<double>(question.cache_slabs) / static_cast<double>(question.model.grid.size()));
}

/// Slabs that are not there are what they would take.
std::uint64_t slabs_bytes(const HeadroomTerms& terms, std::uint32_t slabs) {
  return slabs * terms.slab_bytes;
}

std::string memory_lines(const Cells& cells) {
  using T = HeadroomTerms;
  std::string text = bytes_line("memory of the device", cells, [](const T& t) { return t.room.total_bytes; });
  text += bytes_line("- context, other processes", cells, [](const T& t) { return t.room.context_bytes; });
  text +=
      bytes_line("- reserve for code and libraries", cells, [](const T& t) { return t.room.reserve_bytes; });
  text += bytes_line("- weights that are no experts", cells, [](const T& t) { return t.weights_bytes; });
  text += bytes_line("- predictor", cells, [](const T& t) { return t.predictor_bytes; });
  text += bytes_line("- workspace of a step", cells, [](const T& t) { return t.workspace_bytes; });
  text += bytes_line("- block tables", cells, [](const T& t) { return t.block_table_bytes; });
  text += bytes_line("- cache slabs", cells, [](const T& t) { return slabs_bytes(t, t.cache_slabs); });
  text += bytes_line("- staging slabs", cells, [](const T& t) { return slabs_bytes(t, t.staging_slabs); });
  text += bytes_line("- waste inside lent slabs", cells, [](const T& t) { return t.lent_waste_bytes; });
  text += bytes_line("- rest, less than a slab", cells, [](const T& t) { return t.rest_bytes; });
  text += bytes_line("= KV pages", cells, [](const T& t) { return t.pages * t.page_bytes; });
  text += bytes_line("missing for weights and experts", cells, [](const T& t) { return t.missing_bytes; });
  text += bytes_line("of these: slabs over experts", cells, [](const T& t) {
    return (std::uint64_t{t.cache_slabs} + t.staging_slabs) * (t.slab_bytes - t.expert_bytes);
  });
  text += bytes_line("of these: allocations rounded up", cells, [](const T& t) { return t.rounding_bytes; });
  return text;
}

std::string count_lines(const Cells& cells) {
  using T = HeadroomTerms;
  std::string text = count_line("lent slabs", cells, [](const T& t) { return t.lent_slabs; });
  text += count_line("pages", cells, [](const T& t) { return t.pages; });
  text += count_line("  of them recurrent state", cells, [](const T& t) { return t.state_pages; });
  text += count_line("  of them left over", cells, [](const T& t) { return t.pages - t.used_pages; });
  text += count_line("tokens, measured", cells, [](const T& t) { return t.tokens; });
  text += count_line("  of the shortest sequence", cells, [](const T& t) { return t.context_tokens; });
  return text;
}

std::string error_text(std::uint64_t computed, const HeadroomCell& cell) {
  if (!cell.measured.placed() && !cell.analytic.placed()) return "-";
  return fmt::format(
      "{} {:>+9.2f} %", computed,
      cell.measured.tokens == 0
          ? 0.0
          : 100.0 * (static_cast<double>(computed) / static_cast<double>(cell.measured.tokens) - 1));
}

std::string comparison_lines(const Cells& cells, std::uint64_t context_tokens) {
  std::string text = line("tokens, analytic, and its error", cells,
                          [](const HeadroomCell& cell) { return error_text(cell.analytic.tokens, cell); });
  text += line("tokens, closed form, its error", cells,
               [](const HeadroomCell& cell) { return error_text(cell.closed_form_tokens, cell); });
  text += line("extension", cells, [&](const HeadroomCell& cell) {
    if (cell.question.all_resident()) return std::string("1 by definition");
    const Extension extension = extension_of(cells.front(), cell, context_tokens);
    if (extension.outcome != HeadroomOutcome::ratio) return std::string(outcome_name(extension.outcome));
    return fmt::format("ratio {:.3f}", extension.ratio);
  });
  return text;
}

}  // namespace

std::string headroom_table(const std::vector<HeadroomCell>& cells, std::uint64_t context_tokens) {
  std::string text = line("", cells, heading);
  text += line("", cells, [](const HeadroomCell&) { return fmt::format("bytes {:>9}", "GiB"); });
  return text + memory_lines(cells) + "\n" + count_lines(cells) + comparison_lines(cells, context_tokens);
}

}  // namespace prophet
