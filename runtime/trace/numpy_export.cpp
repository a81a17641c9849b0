#include "runtime/trace/numpy_export.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/json_line.hpp"
#include "runtime/trace/npy_array.hpp"

namespace prophet {
namespace {

std::uint64_t sequence_tokens(const RoutingTrace& trace) {
  std::uint64_t tokens = 0;
  for (const SequenceInfo& sequence : trace.sequences()) tokens += sequence.tokens;
  return tokens;
}

std::string_view bytes_of(const void* data, std::size_t bytes) {
  return {static_cast<const char*>(data), bytes};
}

std::vector<std::uint64_t> array_shape(const RoutingTrace& trace) {
  return {sequence_tokens(trace), trace.shape().grid.layers, trace.shape().top_k};
}

std::string ids_header(const RoutingTrace& trace) {
  return npy_header_text(trace.id_bytes() == 1 ? "|u1" : "<u2", array_shape(trace));
}

/// Gives the stored rows of each sequence, in order, to `take`; rows that no sequence holds are left out.
template <class Item, class Take>
void for_each_sequence_rows(const RoutingTrace& trace, std::span<const Item> storage,
                            std::size_t items_per_id, Take&& take) {
  const std::size_t row = std::size_t{trace.shape().grid.layers} * trace.shape().top_k * items_per_id;
  for (const SequenceInfo& sequence : trace.sequences()) {
    const auto rows =
        storage.subspan(static_cast<std::size_t>(sequence.first_token) * row, sequence.tokens * row);
    take(bytes_of(rows.data(), rows.size_bytes()));
  }
}

/// An archive in the making; arrays live here until commit(), with which libzip writes a temporary and
/// renames it.
class NpzWriter {
 public:
  explicit NpzWriter(const std::filesystem::path& path) : path_(path) {
    int code = 0;
    archive_ = zip_open(path_.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (archive_ == nullptr) fail("expected a folder that exists and may be written to");
  }
  NpzWriter(const NpzWriter&) = delete;
  NpzWriter& operator=(const NpzWriter&) = delete;

  ~NpzWriter() {
    if (archive_ != nullptr) zip_discard(archive_);
  }

  void add(const std::string& array, std::string content) {
    contents_.push_back(std::make_unique<std::string>(std::move(content)));
    const std::string& kept = *contents_.back();
    zip_source_t* source = zip_source_buffer(archive_, kept.data(), kept.size(), 0);
    const zip_int64_t index = zip_file_add(archive_, (array + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail(zip_strerror(archive_));
    }
    const auto entry = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive_, entry, ZIP_CM_DEFLATE, 0);
    zip_file_set_mtime(archive_, entry, epoch_of_zip, 0);
  }

  void add_integers(const std::string& array, const std::vector<std::uint32_t>& values) {
    std::string content = npy_header_text("<u4", {values.size()});
    content += bytes_of(values.data(), values.size() * sizeof(std::uint32_t));
    add(array, std::move(content));
  }

  void commit() {
    if (zip_close(archive_) != 0) fail(zip_strerror(archive_));
    archive_ = nullptr;
  }

 private:
  /// 1980-01-01, so that equal traces give equal files.
  static constexpr zip_int64_t epoch_of_zip = 315532800;

  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(ErrorCode::bad_input, fmt::format("{}: cannot be written; {}", path_.string(), reason));
  }

  std::filesystem::path path_;
  zip_t* archive_ = nullptr;
  std::vector<std::unique_ptr<std::string>> contents_;
};

std::string ids_array(const RoutingTrace& trace) {
  std::string content = ids_header(trace);
  content.reserve(content.size() + trace.id_storage().size());
  for_each_sequence_rows(trace, trace.id_storage(), trace.id_bytes(),
                         [&](std::string_view rows) { content += rows; });
  return content;
}

std::string weights_array(const RoutingTrace& trace) {
  std::string content = npy_header_text("<f4", array_shape(trace));
  content.reserve(content.size() + trace.weight_storage().size_bytes());
  for_each_sequence_rows(trace, trace.weight_storage(), 1, [&](std::string_view rows) { content += rows; });
  return content;
}

std::string text_array(std::string_view text) {
  return npy_header_text("|u1", {text.size()}) + std::string(text);
}

template <class Field>
std::vector<std::uint32_t> per_sequence(const RoutingTrace& trace, Field field) {
  std::vector<std::uint32_t> values;
  for (const SequenceInfo& sequence : trace.sequences()) values.push_back(sequence.*field);
  return values;
}

}  // namespace

void export_npy(const RoutingTrace& trace, const std::filesystem::path& path) {
  if (trace.provenance().synthetic) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format(
            "{}: an .npy file cannot say that a trace is synthetic; expected .npz, .csv or .jsonl for "
            "this trace",
            path.string()));
  }
  AtomicFile file(path);
  const std::string header = ids_header(trace);
  file.write(std::as_bytes(std::span(header)));
  for_each_sequence_rows(trace, trace.id_storage(), trace.id_bytes(),
                         [&](std::string_view rows) { file.write(std::as_bytes(std::span(rows))); });
  file.commit();
}

void export_npz(const RoutingTrace& trace, const std::filesystem::path& path) {
  NpzWriter archive(path);
  archive.add("experts", ids_array(trace));
  if (trace.has_weights()) archive.add("weights", weights_array(trace));
  archive.add_integers("sequence_lengths", per_sequence(trace, &SequenceInfo::tokens));
  archive.add_integers("prefill_lengths", per_sequence(trace, &SequenceInfo::prefill_tokens));
  archive.add_integers("sequence_flags", per_sequence(trace, &SequenceInfo::flags));
  archive.add_integers("num_experts", {trace.shape().grid.experts});
  archive.add("provenance", text_array(trace_header_json(trace)));
  archive.commit();
}

}  // namespace prophet
