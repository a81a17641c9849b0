#include "runtime/trace/csv_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>

#include "prophet/limits.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/json_line.hpp"
#include "runtime/trace/line_reader.hpp"

namespace prophet {
namespace {

constexpr std::string_view plain_header = "step,layer,token,expert";
constexpr std::string_view weighted_header = "step,layer,token,expert,weight";
constexpr std::string_view metadata_mark = "# prophet_trace ";
constexpr std::string_view sequence_mark = "# sequence ";
/// The shortest row, "0,0,0,0" and its line end: bounds how many rows a file can hold.
constexpr std::uint64_t row_bytes_min = 7;

struct Row {
  std::uint64_t step = 0;
  std::uint64_t layer = 0;
  std::uint64_t token = 0;
  std::uint64_t expert = 0;
  float weight = 0;
};

struct SequenceNote {
  std::uint64_t sequence = 0;
  std::uint64_t prefill_tokens = 0;
  std::uint64_t flags = 0;
};

/// Reads the rows of one pass, and what stands before them.
class RowReader {
 public:
  explicit RowReader(const ByteSource& source)
      : stream_(make_plain_stream(source)),
        lines_(*stream_),
        name_(source.where()),
        rows_max_(source.size_bytes() / row_bytes_min + 1) {}

  /// Everything up to and with the header line; `metadata` and `notes` may be null.
  void read_front(TraceHeader* metadata, std::vector<SequenceNote>* notes);
  [[nodiscard]] bool next(Row& row);
  [[nodiscard]] bool weighted() const noexcept { return weighted_; }
  [[nodiscard]] std::string where() const { return fmt::format("{}: line {}", name_, lines_.line_number()); }

 private:
  [[nodiscard]] bool next_line(std::string_view& line);
  void read_comment(std::string_view line, TraceHeader* metadata, std::vector<SequenceNote>* notes) const;
  [[nodiscard]] SequenceNote read_note(std::string_view line) const;
  [[nodiscard]] std::uint64_t integer(std::string_view text, std::string_view column,
                                      std::uint64_t most) const;
  [[nodiscard]] float weight(std::string_view text) const;

  std::unique_ptr<ByteStream> stream_;
  LineReader lines_;
  std::string_view name_;
  std::uint64_t rows_max_;
  bool weighted_ = false;
};

bool RowReader::next_line(std::string_view& line) {
  while (lines_.next(line)) {
    if (line.find_first_not_of(" \t") != std::string_view::npos) return true;
  }
  return false;
}

void RowReader::read_front(TraceHeader* metadata, std::vector<SequenceNote>* notes) {
  std::string_view line;
  while (next_line(line)) {
    if (line.front() == '#') {
      read_comment(line, metadata, notes);
      continue;
    }
    weighted_ = line == weighted_header;
    if (weighted_ || line == plain_header) return;
    refuse(where(),
           fmt::format("is '{}', expected the header '{}[,weight]'", line.substr(0, 64), plain_header));
  }
  refuse(name_, fmt::format("ends before the header line, expected '{}[,weight]'", plain_header));
}

void RowReader::read_comment(std::string_view line, TraceHeader* metadata,
                             std::vector<SequenceNote>* notes) const {
  if (metadata != nullptr && line.substr(0, metadata_mark.size()) == metadata_mark) {
    JsonLine parsed;
    parse_json_line(line.substr(metadata_mark.size()), where(), parsed);
    *metadata = parsed.header;
  }
  if (notes != nullptr && line.substr(0, sequence_mark.size()) == sequence_mark)
    notes->push_back(read_note(line));
}

SequenceNote RowReader::read_note(std::string_view line) const {
  std::array<std::string_view, 7> words{};
  std::size_t count = 0;
  for (std::size_t at = 0; at < line.size() && count < words.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words[count++] = line.substr(at, end - at);
    at = end + 1;
  }
  if (count != words.size() || words[3] != "prefill" || words[5] != "flags") {
    refuse(where(), fmt::format("is '{}', expected '# sequence N prefill P flags F'", line.substr(0, 64)));
  }
  constexpr std::uint64_t u32_max = 0xFFFFFFFF;
  return {integer(words[2], "sequence", limits::sequences_max - 1), integer(words[4], "prefill", u32_max),
          integer(words[6], "flags", u32_max)};
}

std::uint64_t RowReader::integer(std::string_view text, std::string_view column, std::uint64_t most) const {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value > most) {
    refuse(where(),
           fmt::format("{} is '{}', expected an integer of 0 to {}", column, text.substr(0, 32), most));
  }
  return value;
}

float RowReader::weight(std::string_view text) const {
  float value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || !std::isfinite(value)) {
    refuse(where(), fmt::format("weight is '{}', expected a finite number", text.substr(0, 32)));
  }
  return value;
}

bool RowReader::next(Row& row) {
  std::string_view line;
  if (!next_line(line)) return false;
  std::array<std::string_view, 5> fields{};
  std::size_t count = 0;
  std::size_t at = 0;
  while (at <= line.size()) {
    const std::size_t comma = std::min(line.find(',', at), line.size());
    if (count < fields.size()) fields[count] = line.substr(at, comma - at);
    ++count;
    at = comma + 1;
  }
  const std::size_t expected = weighted_ ? 5 : 4;
  if (count != expected) refuse(where(), fmt::format("has {} fields, expected {}", count, expected));
  row.step = integer(fields[0], "step", rows_max_);
  row.layer = integer(fields[1], "layer", limits::layers_max - 1);
  row.token = integer(fields[2], "token", std::min<std::uint64_t>(rows_max_, limits::sequences_max - 1));
  row.expert = integer(fields[3], "expert", limits::experts_per_layer_max - 1);
  if (weighted_) row.weight = weight(fields[4]);
  return true;
}

/// What the first pass finds.
struct Extent {
  TraceHeader header;
  std::vector<SequenceInfo> sequences;
  std::uint64_t rows = 0;
  std::uint64_t tokens = 0;
  std::uint64_t layers = 0;
  std::uint64_t top_k = 0;
  std::uint32_t largest_id = 0;
  bool weighted = false;
};

void lay_out_sequences(Extent& extent, const std::vector<SequenceNote>& notes, std::string_view name) {
  for (std::size_t number = 0; number < extent.sequences.size(); ++number) {
    SequenceInfo& sequence = extent.sequences[number];
    if (sequence.tokens == 0) {
      refuse(name,
             fmt::format("token {} has no rows, though token {} has; expected numbers from 0 without gaps",
                         number, extent.sequences.size() - 1));
    }
    sequence.first_token = extent.tokens;
    extent.tokens += sequence.tokens;
  }
  for (const SequenceNote& note : notes) {
    if (note.sequence >= extent.sequences.size()) {
      refuse(name, fmt::format("a comment describes sequence {}, expected numbers below {}", note.sequence,
                               extent.sequences.size()));
    }
    extent.sequences[note.sequence].prefill_tokens = static_cast<std::uint32_t>(note.prefill_tokens);
    extent.sequences[note.sequence].flags = static_cast<std::uint32_t>(note.flags);
  }
}

Extent measure(const ByteSource& source) {
  const std::string& name = source.where();
  RowReader reader(source);
  Extent extent;
  std::vector<SequenceNote> notes;
  reader.read_front(&extent.header, &notes);
  extent.weighted = reader.weighted();
  Row first;
  for (Row row; reader.next(row); ++extent.rows) {
    if (extent.rows == 0) first = row;
    if (row.step == first.step && row.layer == first.layer && row.token == first.token) ++extent.top_k;
    extent.layers = std::max(extent.layers, row.layer + 1);
    extent.largest_id = std::max(extent.largest_id, static_cast<std::uint32_t>(row.expert));
    if (row.token >= extent.sequences.size())
      extent.sequences.resize(static_cast<std::size_t>(row.token) + 1);
    std::uint32_t& tokens = extent.sequences[row.token].tokens;
    tokens = std::max(tokens, static_cast<std::uint32_t>(row.step + 1));
  }
  if (extent.rows == 0) refuse(name, "has no rows after the header, expected at least one");
  lay_out_sequences(extent, notes, name);
  return extent;
}

/// Puts the rows of the second pass where they belong.
class RowPlacer {
 public:
  RowPlacer(Extent extent, std::string_view name) : name_(name), extent_(std::move(extent)) {
    const std::uint64_t slots = extent_.tokens * extent_.layers;
    ranks_.resize(static_cast<std::size_t>(slots));
    ids_.resize(slots * extent_.top_k, extent_.largest_id);
    if (extent_.weighted) weights_.resize(static_cast<std::size_t>(slots * extent_.top_k));
  }

  void place(const Row& row, const RowReader& reader) {
    if (row.token >= extent_.sequences.size() || row.step >= extent_.sequences[row.token].tokens ||
        row.layer >= extent_.layers || row.expert > extent_.largest_id) {
      refuse(reader.where(), "was not there a moment ago; expected a file that nobody is writing to");
    }
    const SequenceInfo& sequence = extent_.sequences[row.token];
    const std::uint64_t slot = (sequence.first_token + row.step) * extent_.layers + row.layer;
    const std::uint64_t first = slot * extent_.top_k;
    std::uint8_t& rank = ranks_[static_cast<std::size_t>(slot)];
    if (rank >= extent_.top_k) {
      refuse(reader.where(), fmt::format("is one row too many for {}, expected {} each as the first one has",
                                         place_of(row), extent_.top_k));
    }
    for (std::uint64_t other = first; other < first + rank; ++other) {
      if (ids_.get(other) != row.expert) continue;
      refuse(reader.where(), fmt::format("gives expert {} a second time to {}, expected {} different experts",
                                         row.expert, place_of(row), extent_.top_k));
    }
    ids_.set(first + rank, static_cast<std::uint32_t>(row.expert));
    if (extent_.weighted) weights_[static_cast<std::size_t>(first + rank)] = row.weight;
    ++rank;
  }

  ImportParts finish() {
    refuse_missing();
    ImportParts parts;
    parts.header = std::move(extent_.header);
    parts.layers = extent_.layers;
    parts.top_k = extent_.top_k;
    parts.sequences = std::move(extent_.sequences);
    parts.ids = std::move(ids_);
    parts.weights = std::move(weights_);
    return parts;
  }

 private:
  static std::string place_of(const Row& row) {
    return fmt::format("step {}, token {}, layer {}", row.step, row.token, row.layer);
  }

  void refuse_missing() const {
    for (std::size_t number = 0; number < extent_.sequences.size(); ++number) {
      const SequenceInfo& sequence = extent_.sequences[number];
      for (std::uint64_t slot = 0; slot < sequence.tokens * extent_.layers; ++slot) {
        const unsigned rows = ranks_[static_cast<std::size_t>(sequence.first_token * extent_.layers + slot)];
        if (rows == extent_.top_k) continue;
        refuse(name_,
               fmt::format("step {}, token {}, layer {} has {} rows, expected {} each as the first one has",
                           slot / extent_.layers, number, slot % extent_.layers, rows, extent_.top_k));
      }
    }
  }

  std::string_view name_;
  Extent extent_;
  std::vector<std::uint8_t> ranks_;
  IdBuffer ids_;
  std::vector<float> weights_;
};

/// A table with far more cells than rows would cost memory that the file does not justify.
void check_density(const Extent& extent, std::string_view name) {
  check_import_shape(name, extent.tokens, extent.layers, extent.top_k);
  const std::uint64_t cells = extent.tokens * extent.layers * extent.top_k;
  if (cells / 2 <= extent.rows) return;
  refuse(name,
         fmt::format(
             "has {} rows, but {} tokens in {} layers with {} experts each need {}; expected no missing row",
             extent.rows, extent.tokens, extent.layers, extent.top_k, cells));
}

RoutingTrace import_rows(const ByteSource& source, const ImportOptions& options) {
  const std::string& name = source.where();
  Extent extent = measure(source);
  check_density(extent, name);
  RowPlacer placer(std::move(extent), name);
  RowReader reader(source);
  reader.read_front(nullptr, nullptr);
  for (Row row; reader.next(row);) placer.place(row, reader);
  return build_trace(name, placer.finish(), options);
}

}  // namespace

RoutingTrace import_csv(const std::filesystem::path& path, const ImportOptions& options) {
  return import_rows(*open_file_source(path), options);
}

RoutingTrace parse_csv(std::span<const std::byte> bytes, std::string_view name,
                       const ImportOptions& options) {
  return import_rows(*make_memory_source(bytes, std::string(name)), options);
}

}  // namespace prophet
