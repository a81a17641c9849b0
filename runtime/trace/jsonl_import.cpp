#include "runtime/trace/jsonl_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "prophet/limits.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/json_line.hpp"
#include "runtime/trace/line_reader.hpp"

namespace prophet {
namespace {

/// Where one line's token belongs.
struct TokenPlace {
  std::uint32_t sequence = 0;
  std::uint32_t position = 0;
  friend auto operator<=>(const TokenPlace&, const TokenPlace&) = default;
};

/// Collects tokens in the order of the lines, then puts them in the order of sequences and positions.
class TokenCollector {
 public:
  explicit TokenCollector(std::string_view name) : name_(name) {}

  void take(const JsonLine& line, std::string_view where);
  [[nodiscard]] ImportParts finish();

 private:
  void take_header(const JsonLine& line, std::string_view where);
  void take_token(const JsonLine& line, std::string_view where);
  void take_request(const JsonLine& line, std::string_view where);
  void check_extents(const NestedArray& array, std::size_t outer_levels, std::string_view where);
  void check_weights(const JsonLine& line, std::string_view where);
  void check_distinct(const JsonLine& line, std::string_view where) const;
  void append(const JsonLine& line);
  SequenceInfo& sequence_at(std::uint64_t number, std::string_view where);
  void number_sequences();
  void reorder(const std::vector<std::uint64_t>& order);
  [[nodiscard]] std::uint64_t row_items() const noexcept { return parts_.layers * parts_.top_k; }

  std::string_view name_;
  ImportParts parts_;
  std::vector<TokenPlace> places_;
  std::vector<bool> prefill_;
  bool begun_ = false;
  bool weighted_ = false;
  bool requests_ = false;
};

void TokenCollector::take(const JsonLine& line, std::string_view where) {
  if (line.is_header) return take_header(line, where);
  if (line.experts.present == line.routed_experts.present) {
    refuse(where, line.experts.present ? "has both 'experts' and 'routed_experts', expected one of them"
                                       : "has neither 'experts' nor 'routed_experts', expected one of them");
  }
  if (begun_ && requests_ != line.routed_experts.present) {
    refuse(where, "mixes tokens ('experts') and requests ('routed_experts'), expected one kind in a file");
  }
  requests_ = line.routed_experts.present;
  requests_ ? take_request(line, where) : take_token(line, where);
  begun_ = true;
}

void TokenCollector::take_header(const JsonLine& line, std::string_view where) {
  if (begun_) refuse(where, "has the field 'prophet_trace', expected the header in the first line only");
  if (line.experts.present || line.routed_experts.present)
    refuse(where, "is a header with routing, expected a line of its own");
  parts_.header = line.header;
}

void TokenCollector::take_token(const JsonLine& line, std::string_view where) {
  check_extents(line.experts, 0, where);
  check_weights(line, where);
  SequenceInfo& sequence = sequence_at(line.sequence.value_or(0), where);
  sequence.flags |= line.flags;
  const std::uint64_t position = line.position.value_or(sequence.tokens);
  ++sequence.tokens;
  places_.push_back(
      {static_cast<std::uint32_t>(line.sequence.value_or(0)), static_cast<std::uint32_t>(position)});
  prefill_.push_back(line.prefill);
  append(line);
}

void TokenCollector::take_request(const JsonLine& line, std::string_view where) {
  check_extents(line.routed_experts, 1, where);
  if (line.weights.present)
    refuse(where, "has 'weights' beside 'routed_experts', expected them beside 'experts' only");
  check_distinct(line, where);
  const auto number = static_cast<std::uint32_t>(parts_.sequences.size());
  SequenceInfo& sequence = sequence_at(number, where);
  sequence.flags = line.flags;
  sequence.tokens = static_cast<std::uint32_t>(*line.routed_experts.extents[0]);
  for (std::uint32_t position = 0; position < sequence.tokens; ++position) {
    places_.push_back({number, position});
    prefill_.push_back(false);
  }
  for (const std::uint32_t id : line.ids) parts_.ids.push(id);
}

void TokenCollector::check_extents(const NestedArray& array, std::size_t outer_levels,
                                   std::string_view where) {
  const std::uint64_t tokens = outer_levels == 0 ? 1 : array.extents[0].value_or(0);
  const std::uint64_t layers = array.extents[outer_levels].value_or(0);
  const std::uint64_t top_k = array.extents[outer_levels + 1].value_or(0);
  check_import_shape(where, tokens, layers, top_k);
  if (!begun_) {
    parts_.layers = layers;
    parts_.top_k = top_k;
  } else if (layers != parts_.layers || top_k != parts_.top_k) {
    refuse(where, fmt::format("has experts [{} layers, {}], expected [{} layers, {}] as before", layers,
                              top_k, parts_.layers, parts_.top_k));
  }
}

void TokenCollector::check_weights(const JsonLine& line, std::string_view where) {
  check_distinct(line, where);
  if (begun_ && weighted_ != line.weights.present) {
    refuse(where,
           fmt::format("has {} 'weights', unlike the lines before; expected them in all lines or in none",
                       line.weights.present ? "the field" : "no field"));
  }
  weighted_ = line.weights.present;
  if (weighted_ && line.weights.extents != line.experts.extents) {
    refuse(where,
           fmt::format("has {} weights in another shape than its {} expert ids, expected one weight an id",
                       line.weight_values.size(), line.ids.size()));
  }
}

void TokenCollector::check_distinct(const JsonLine& line, std::string_view where) const {
  for (std::size_t from = 0; from < line.ids.size(); from += static_cast<std::size_t>(parts_.top_k)) {
    for (std::size_t a = from + 1; a < from + parts_.top_k; ++a) {
      for (std::size_t b = from; b < a; ++b) {
        if (line.ids[a] != line.ids[b]) continue;
        refuse(where, fmt::format("layer {} has expert id {} twice, expected {} different experts",
                                  from / parts_.top_k % parts_.layers, line.ids[a], parts_.top_k));
      }
    }
  }
}

void TokenCollector::append(const JsonLine& line) {
  for (const std::uint32_t id : line.ids) parts_.ids.push(id);
  parts_.weights.insert(parts_.weights.end(), line.weight_values.begin(), line.weight_values.end());
}

SequenceInfo& TokenCollector::sequence_at(std::uint64_t number, std::string_view where) {
  auto& sequences = parts_.sequences;
  if (number > places_.size() || sequences.size() >= limits::sequences_max) {
    refuse(where, fmt::format("field 'sequence' is {} after {} tokens, expected numbers from 0 without gaps",
                              number, places_.size()));
  }
  if (number >= sequences.size()) sequences.resize(static_cast<std::size_t>(number) + 1);
  return sequences[static_cast<std::size_t>(number)];
}

ImportParts TokenCollector::finish() {
  if (places_.empty()) refuse(name_, "holds no tokens, expected at least one");
  number_sequences();
  if (!std::is_sorted(places_.begin(), places_.end())) {
    std::vector<std::uint64_t> order(places_.size());
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::uint64_t a, std::uint64_t b) { return places_[a] < places_[b]; });
    reorder(order);
  }
  for (std::size_t row = 0; row < places_.size(); ++row) {
    SequenceInfo& sequence = parts_.sequences[places_[row].sequence];
    const std::uint64_t expected = row - sequence.first_token;
    if (places_[row].position != expected) {
      refuse(name_,
             fmt::format("sequence {}: position {} where {} was expected; positions count from 0, each once",
                         places_[row].sequence, places_[row].position, expected));
    }
    if (!prefill_[row]) continue;
    if (sequence.prefill_tokens != expected) {
      refuse(
          name_,
          fmt::format("sequence {}: position {} is prefill after a decoded token; expected prefill in front",
                      places_[row].sequence, expected));
    }
    ++sequence.prefill_tokens;
  }
  return std::move(parts_);
}

void TokenCollector::number_sequences() {
  std::uint64_t first = 0;
  for (std::size_t number = 0; number < parts_.sequences.size(); ++number) {
    SequenceInfo& sequence = parts_.sequences[number];
    if (sequence.tokens == 0) {
      refuse(name_,
             fmt::format(
                 "sequence {} has no tokens, though sequence {} has; expected numbers from 0 without gaps",
                 number, parts_.sequences.size() - 1));
    }
    sequence.first_token = first;
    first += sequence.tokens;
  }
}

void TokenCollector::reorder(const std::vector<std::uint64_t>& order) {
  IdBuffer ids;
  ids.resize(parts_.ids.size(), parts_.ids.largest());
  std::vector<float> weights(parts_.weights.size());
  std::vector<TokenPlace> places(places_.size());
  std::vector<bool> prefill(places_.size());
  for (std::size_t row = 0; row < order.size(); ++row) {
    const std::uint64_t from = order[row];
    places[row] = places_[from];
    prefill[row] = prefill_[from];
    for (std::uint64_t item = 0; item < row_items(); ++item) {
      ids.set(row * row_items() + item, parts_.ids.get(from * row_items() + item));
      if (weighted_) weights[row * row_items() + item] = parts_.weights[from * row_items() + item];
    }
  }
  parts_.ids = std::move(ids);
  parts_.weights = std::move(weights);
  places_ = std::move(places);
  prefill_ = std::move(prefill);
}

RoutingTrace import_lines(const ByteSource& source, const ImportOptions& options) {
  const std::string& name = source.where();
  const auto stream = make_plain_stream(source);
  TokenCollector collector(name);
  LineReader reader(*stream);
  JsonLine line;
  for (std::string_view text; reader.next(text);) {
    if (text.find_first_not_of(" \t") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", name, reader.line_number());
    parse_json_line(text, where, line);
    collector.take(line, where);
  }
  return build_trace(name, collector.finish(), options);
}

}  // namespace

RoutingTrace import_jsonl(const std::filesystem::path& path, const ImportOptions& options) {
  return import_lines(*open_file_source(path), options);
}

RoutingTrace parse_jsonl(std::span<const std::byte> bytes, std::string_view name,
                         const ImportOptions& options) {
  return import_lines(*make_memory_source(bytes, std::string(name)), options);
}

}  // namespace prophet
