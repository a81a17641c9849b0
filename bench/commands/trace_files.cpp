#include "bench/commands/trace_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/mrt1.hpp"
#include "runtime/trace/numpy_export.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "runtime/trace/text_export.hpp"
#include "runtime/trace/trace_writer.hpp"

namespace prophet {
namespace {

using Export = void (*)(const RoutingTrace&, const std::filesystem::path&);

void export_ptrace(const RoutingTrace& trace, const std::filesystem::path& path) {
  write_trace(path, trace);
}

void export_npy_with_warning(const RoutingTrace& trace, const std::filesystem::path& path) {
  export_npy(trace, path);
  log_warning(fmt::format("{}: holds the expert ids only; .npz keeps sequences, weights and provenance",
                          path.string()));
}

struct Ending {
  std::string_view ending;
  Export write;
};

constexpr std::array endings{Ending{".ptrace", export_ptrace}, Ending{".mrt", export_mrt1},
                             Ending{".mrt.xz", export_mrt1},   Ending{".csv", export_csv},
                             Ending{".jsonl", export_jsonl},   Ending{".npy", export_npy_with_warning},
                             Ending{".npz", export_npz}};

Export export_for(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  for (const Ending& known : endings) {
    const std::size_t length = known.ending.size();
    if (name.size() > length && name.compare(name.size() - length, length, known.ending) == 0)
      return known.write;
  }
  throw Error(
      ErrorCode::usage,
      fmt::format("{}: has no known ending; expected .ptrace, .mrt, .mrt.xz, .csv, .jsonl, .npy or .npz",
                  path.string()));
}

TraceFormat format_of(const std::filesystem::path& path) {
  std::array<std::byte, 12> first{};
  const auto source = open_file_source(path);
  const auto have = static_cast<std::size_t>(std::min<std::uint64_t>(first.size(), source->size_bytes()));
  source->read_at(0, std::span(first).first(have));
  return detect_trace_format(std::span(first).first(have), path.string());
}

RoutingTrace with_provenance(const RoutingTrace& trace, TraceProvenance provenance) {
  return RoutingTrace(trace.shape(), std::move(provenance),
                      {trace.sequences().begin(), trace.sequences().end()},
                      {trace.id_storage().begin(), trace.id_storage().end()},
                      {trace.weight_storage().begin(), trace.weight_storage().end()});
}

TraceProvenance overrule(TraceProvenance said, const ImportOptions& options) {
  const auto replace = [](std::string& field, const std::string& by) {
    if (!by.empty()) field = by;
  };
  replace(said.model, options.model);
  replace(said.source, options.source);
  replace(said.licence, options.licence);
  replace(said.note, options.note);
  said.synthetic = said.synthetic || options.synthetic;
  return said;
}

RoutingTrace load_described(const std::filesystem::path& path, const ImportOptions& options) {
  if (options.experts || options.dense_layers != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: states its experts and layers itself; expected --experts and "
                            "--dense-layers with .npy, .npz, .csv or .jsonl only",
                            path.string()));
  }
  RoutingTrace trace = load_trace(path);
  TraceProvenance provenance = overrule(trace.provenance(), options);
  return provenance == trace.provenance() ? trace : with_provenance(trace, std::move(provenance));
}

}  // namespace

RoutingTrace load_trace_with(const std::filesystem::path& path, const ImportOptions& options) {
  const TraceFormat format = format_of(path);
  const bool array = format == TraceFormat::npy || format == TraceFormat::npz;
  const bool text = format == TraceFormat::csv || format == TraceFormat::jsonl;
  if (!array && !text) return load_described(path, options);
  if (text && options.dense_layers != 0) {
    throw Error(ErrorCode::usage, fmt::format("{}: --dense-layers is {}, expected it with .npy or .npz only",
                                              path.string(), options.dense_layers));
  }
  if (format == TraceFormat::npy) return import_npy(path, options);
  if (format == TraceFormat::npz) return import_npz(path, options);
  return format == TraceFormat::csv ? import_csv(path, options) : import_jsonl(path, options);
}

void check_output(const std::filesystem::path& path, bool force) {
  (void)export_for(path);
  if (force || !std::filesystem::exists(path)) return;
  throw Error(ErrorCode::usage,
              fmt::format("{}: exists; expected a new name, or --force to overwrite it", path.string()));
}

void write_trace_as(const RoutingTrace& trace, const std::filesystem::path& path) {
  export_for(path)(trace, path);
}

RoutingTrace without_weights(const RoutingTrace& trace) {
  return RoutingTrace(trace.shape(), trace.provenance(), {trace.sequences().begin(), trace.sequences().end()},
                      {trace.id_storage().begin(), trace.id_storage().end()}, {});
}

RoutingTrace slice_sequences(const RoutingTrace& trace, std::uint64_t first, std::uint64_t last) {
  if (first >= last || last > trace.sequences().size()) {
    throw Error(ErrorCode::usage,
                fmt::format("--sequences is {}:{}, expected FIRST:LAST with FIRST < LAST <= {}", first, last,
                            trace.sequences().size()));
  }
  const std::size_t row = std::size_t{trace.shape().grid.layers} * trace.shape().top_k;
  std::vector<SequenceInfo> sequences;
  std::vector<std::byte> ids;
  std::vector<float> weights;
  std::uint64_t tokens = 0;
  for (SequenceInfo sequence :
       trace.sequences().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first))) {
    const std::size_t from = static_cast<std::size_t>(sequence.first_token) * row;
    const std::size_t count = sequence.tokens * row;
    const auto their_ids = trace.id_storage().subspan(from * trace.id_bytes(), count * trace.id_bytes());
    ids.insert(ids.end(), their_ids.begin(), their_ids.end());
    if (trace.has_weights()) {
      const auto their_weights = trace.weight_storage().subspan(from, count);
      weights.insert(weights.end(), their_weights.begin(), their_weights.end());
    }
    sequence.first_token = std::exchange(tokens, tokens + sequence.tokens);
    sequences.push_back(sequence);
  }
  TraceProvenance provenance = trace.provenance();
  provenance.note += fmt::format("{}sequences {}:{} of {}", provenance.note.empty() ? "" : "; ", first, last,
                                 trace.sequences().size());
  return RoutingTrace(trace.shape(), std::move(provenance), std::move(sequences), std::move(ids),
                      std::move(weights));
}

}  // namespace prophet
