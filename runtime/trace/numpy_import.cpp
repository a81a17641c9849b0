#include "runtime/trace/numpy_import.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "prophet/limits.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/json_line.hpp"
#include "runtime/trace/npy_array.hpp"
#include "runtime/trace/npz_archive.hpp"

namespace prophet {
namespace {

void check_dimensions(const NpyHeader& header, std::uint32_t dense_layers, std::string_view name) {
  if (header.shape.size() != 3) {
    refuse(name, fmt::format("has {} dimensions, expected 3: [tokens, layers, experts of a token]",
                             header.shape.size()));
  }
  if (dense_layers >= header.shape[1]) {
    refuse(name,
           fmt::format("has {} layers, of which {} are said to be dense; expected more layers than that",
                       header.shape[1], dense_layers));
  }
  check_import_shape(name, header.shape[0], header.shape[1] - dense_layers, header.shape[2]);
}

/// Reads the ids; the trace is one sequence until something says otherwise.
ImportParts read_ids(ByteStream& stream, const ImportOptions& options, std::string_view name,
                     NpyHeader& header) {
  header = read_npy_header(stream, name);
  check_dimensions(header, options.dense_layers, name);
  ImportParts parts;
  parts.layers = header.shape[1] - options.dense_layers;
  parts.top_k = header.shape[2];
  parts.header.first_layer_id = options.dense_layers;
  read_npy_ids(stream, header, options.dense_layers, name, parts.ids);
  return parts;
}

void make_one_sequence(ImportParts& parts, std::uint64_t tokens, std::string_view name) {
  if (tokens > std::numeric_limits<std::uint32_t>::max()) {
    refuse(name, fmt::format("is one sequence of {} tokens, expected at most {}; give sequence_lengths",
                             tokens, std::numeric_limits<std::uint32_t>::max()));
  }
  SequenceInfo sequence;
  sequence.tokens = static_cast<std::uint32_t>(tokens);
  parts.sequences.assign(1, sequence);
}

RoutingTrace import_array(ByteStream& stream, std::string_view name, const ImportOptions& options) {
  NpyHeader header;
  ImportParts parts = read_ids(stream, options, name, header);
  make_one_sequence(parts, header.shape[0], name);
  return build_trace(name, std::move(parts), options);
}

/// Reads the arrays of an .npz file beside the ids.
class NpzReader {
 public:
  NpzReader(const NpzArchive& archive, const ImportOptions& options) : archive_(archive), options_(options) {}

  RoutingTrace read() {
    const std::string array = ids_array();
    ImportParts parts = read_ids(*archive_.open(array), options_, label(array), ids_header_);
    read_sequences(parts);
    read_weights(parts);
    read_header(parts);
    return build_trace(archive_.name(), std::move(parts), options_);
  }

 private:
  [[nodiscard]] std::string label(std::string_view array) const {
    return fmt::format("{}: array '{}'", archive_.name(), array);
  }

  [[nodiscard]] std::string ids_array() const {
    for (const char* array : {"experts", "routed_experts"}) {
      if (archive_.has(array)) return array;
    }
    if (archive_.arrays().size() == 1) return archive_.arrays().front();
    refuse(archive_.name(),
           fmt::format("has {} arrays, none of them 'experts' or 'routed_experts'; expected one of these, "
                       "or a single array",
                       archive_.arrays().size()));
  }

  /// Gives each integer of a one-dimensional array, bounded by u32, to `take`; returns how many there are.
  template <class Take>
  std::uint64_t read_integers(std::string_view array, std::uint64_t items_max, Take&& take) const {
    const std::string name = label(array);
    const auto stream = archive_.open(array);
    const NpyHeader header = read_npy_header(*stream, name);
    if (header.items() > items_max) {
      refuse(name, fmt::format("has {} items, expected at most {}", header.items(), items_max));
    }
    read_npy_integers(*stream, header, name, [&](std::uint64_t index, std::uint64_t value) {
      if (value > std::numeric_limits<std::uint32_t>::max()) {
        refuse(name, fmt::format("item {} is {}, expected below 2^32", index, value));
      }
      take(static_cast<std::size_t>(index), static_cast<std::uint32_t>(value));
    });
    return header.items();
  }

  void read_sequences(ImportParts& parts) const {
    const std::uint64_t tokens = ids_header_.shape[0];
    if (archive_.has("sequence_lengths")) {
      read_lengths(parts, tokens);
    } else {
      make_one_sequence(parts, tokens, archive_.name());
    }
    read_per_sequence(parts, "prefill_lengths",
                      [](SequenceInfo& at, std::uint32_t value) { at.prefill_tokens = value; });
    read_per_sequence(parts, "sequence_flags",
                      [](SequenceInfo& at, std::uint32_t value) { at.flags = value; });
  }

  void read_lengths(ImportParts& parts, std::uint64_t tokens) const {
    parts.sequences.clear();
    std::uint64_t sum = 0;
    read_integers("sequence_lengths", limits::sequences_max, [&](std::size_t, std::uint32_t length) {
      SequenceInfo sequence;
      sequence.first_token = sum;
      sequence.tokens = length;
      parts.sequences.push_back(sequence);
      sum += length;
    });
    if (sum != tokens) {
      refuse(label("sequence_lengths"),
             fmt::format("sums up to {} tokens, expected the {} tokens of the expert ids", sum, tokens));
    }
  }

  template <class Set>
  void read_per_sequence(ImportParts& parts, std::string_view array, Set&& set) const {
    if (!archive_.has(array)) return;
    const std::uint64_t sequences = parts.sequences.size();
    const std::uint64_t items = read_integers(array, sequences, [&](std::size_t index, std::uint32_t value) {
      set(parts.sequences[index], value);
    });
    if (items != sequences) {
      refuse(label(array),
             fmt::format("has {} items, expected one for each of the {} sequences", items, sequences));
    }
  }

  void read_weights(ImportParts& parts) const {
    if (!archive_.has("weights")) return;
    const std::string name = label("weights");
    const auto stream = archive_.open("weights");
    const NpyHeader header = read_npy_header(*stream, name);
    if (header.shape != ids_header_.shape) {
      refuse(name,
             fmt::format("has {} items in another shape than the {} expert ids, expected one weight an id",
                         header.items(), ids_header_.items()));
    }
    parts.weights = read_npy_weights(*stream, header, options_.dense_layers, name);
  }

  void read_header(ImportParts& parts) const {
    if (archive_.has("provenance")) {
      std::string text;
      read_integers("provenance", limits::header_json_bytes_max,
                    [&](std::size_t, std::uint32_t byte) { text.push_back(static_cast<char>(byte)); });
      JsonLine line;
      parse_json_line(text, label("provenance"), line);
      parts.header = line.header;
      parts.header.first_layer_id += options_.dense_layers;
    }
    if (archive_.has("num_experts")) {
      std::uint64_t items = read_integers(
          "num_experts", 1, [&](std::size_t, std::uint32_t value) { parts.header.experts = value; });
      if (items != 1) refuse(label("num_experts"), "is empty, expected one integer");
    }
  }

  const NpzArchive& archive_;
  const ImportOptions& options_;
  NpyHeader ids_header_;
};

}  // namespace

RoutingTrace import_npy(const std::filesystem::path& path, const ImportOptions& options) {
  const auto source = open_file_source(path);
  return import_array(*make_plain_stream(*source), source->where(), options);
}

RoutingTrace import_npz(const std::filesystem::path& path, const ImportOptions& options) {
  const NpzArchive archive(path);
  return NpzReader(archive, options).read();
}

RoutingTrace parse_npy(std::span<const std::byte> bytes, std::string_view name,
                       const ImportOptions& options) {
  const auto source = make_memory_source(bytes, std::string(name));
  return import_array(*make_plain_stream(*source), name, options);
}

RoutingTrace parse_npz(std::span<const std::byte> bytes, std::string_view name,
                       const ImportOptions& options) {
  const NpzArchive archive(bytes, name);
  return NpzReader(archive, options).read();
}

}  // namespace prophet
