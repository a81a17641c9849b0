#include "runtime/trace/text_export.hpp"

#include <fmt/format.h>

#include <iterator>
#include <span>

#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/json_line.hpp"

namespace prophet {
namespace {

/// Collects text and hands it to the file in large pieces.
class TextWriter {
 public:
  explicit TextWriter(const std::filesystem::path& path) : file_(path) {}

  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    if (text_.size() >= block_bytes) flush();
  }

  void commit() {
    flush();
    file_.commit();
  }

 private:
  static constexpr std::size_t block_bytes = 256 << 10;

  void flush() {
    file_.write(std::as_bytes(std::span(text_.data(), text_.size())));
    text_.clear();
  }

  AtomicFile file_;
  fmt::memory_buffer text_;
};

template <class Visit>
void for_each_token(const RoutingTrace& trace, Visit&& visit) {
  const auto sequences = trace.sequences();
  for (std::size_t number = 0; number < sequences.size(); ++number) {
    for (std::uint32_t position = 0; position < sequences[number].tokens; ++position) visit(number, position);
  }
}

void put_csv_token(TextWriter& out, const RoutingTrace& trace, std::size_t sequence, std::uint32_t position) {
  const std::uint64_t row = trace.sequences()[sequence].first_token + position;
  for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
    for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
      out.put("{},{},{},{}", position, layer, sequence, trace.expert(row, LayerId{layer}, rank).value);
      if (trace.has_weights()) out.put(",{}", trace.weights(row, LayerId{layer})[rank]);
      out.put("\n");
    }
  }
}

/// [[item(0, 0), ...], ...] over layers and ranks.
template <class Item>
void put_json_rows(TextWriter& out, const TraceShape& shape, Item&& item) {
  for (std::uint32_t layer = 0; layer < shape.grid.layers; ++layer) {
    for (std::uint32_t rank = 0; rank < shape.top_k; ++rank) {
      out.put("{}{}", rank > 0 ? "," : (layer > 0 ? "],[" : "[["), item(LayerId{layer}, rank));
    }
  }
  out.put("]]");
}

void put_json_token(TextWriter& out, const RoutingTrace& trace, std::size_t number, std::uint32_t position) {
  const SequenceInfo& sequence = trace.sequences()[number];
  const std::uint64_t row = sequence.first_token + position;
  out.put("{{\"sequence\":{},\"position\":{},\"prefill\":{}", number, position,
          position < sequence.prefill_tokens);
  if (position == 0 && sequence.flags != 0) out.put(",\"flags\":{}", sequence.flags);
  out.put(",\"experts\":");
  put_json_rows(out, trace.shape(),
                [&](LayerId layer, std::uint32_t rank) { return trace.expert(row, layer, rank).value; });
  if (trace.has_weights()) {
    out.put(",\"weights\":");
    put_json_rows(out, trace.shape(),
                  [&](LayerId layer, std::uint32_t rank) { return trace.weights(row, layer)[rank]; });
  }
  out.put("}}\n");
}

}  // namespace

void export_csv(const RoutingTrace& trace, const std::filesystem::path& path) {
  TextWriter out(path);
  out.put("# prophet_trace {}\n", trace_header_json(trace));
  const auto sequences = trace.sequences();
  for (std::size_t number = 0; number < sequences.size(); ++number) {
    const SequenceInfo& sequence = sequences[number];
    if (sequence.prefill_tokens == 0 && sequence.flags == 0) continue;
    out.put("# sequence {} prefill {} flags {}\n", number, sequence.prefill_tokens, sequence.flags);
  }
  out.put("step,layer,token,expert{}\n", trace.has_weights() ? ",weight" : "");
  for_each_token(trace, [&](std::size_t sequence, std::uint32_t position) {
    put_csv_token(out, trace, sequence, position);
  });
  out.commit();
}

void export_jsonl(const RoutingTrace& trace, const std::filesystem::path& path) {
  TextWriter out(path);
  out.put("{}\n", trace_header_json(trace));
  for_each_token(trace, [&](std::size_t sequence, std::uint32_t position) {
    put_json_token(out, trace, sequence, position);
  });
  out.commit();
}

}  // namespace prophet
