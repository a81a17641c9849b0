#include <fmt/format.h>
#include <lzma.h>

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/in_file.hpp"
#include "runtime/trace/little_endian.hpp"
#include "runtime/trace/mrt1.hpp"
#include "runtime/trace/mrt1_layout.hpp"

namespace prophet {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

/// Passes bytes on to a file, packed with xz or as they are.
class Sink {
 public:
  Sink(AtomicFile& file, bool packed) : file_(file), packed_(packed) {
    if (!packed_) return;
    if (lzma_easy_encoder(&encoder_, LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC64) != LZMA_OK)
      throw std::bad_alloc();
    out_.resize(chunk_bytes);
  }
  ~Sink() { lzma_end(&encoder_); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void write(std::span<const std::byte> bytes) {
    if (packed_) {
      pack(bytes, LZMA_RUN);
    } else {
      file_.write(bytes);
    }
  }
  void finish() {
    if (packed_) pack({}, LZMA_FINISH);
  }

 private:
  void pack(std::span<const std::byte> bytes, lzma_action action) {
    encoder_.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    encoder_.avail_in = bytes.size();
    lzma_ret status = LZMA_OK;
    do {
      encoder_.next_out = reinterpret_cast<std::uint8_t*>(out_.data());
      encoder_.avail_out = out_.size();
      status = lzma_code(&encoder_, action);
      if (status == LZMA_MEM_ERROR) throw std::bad_alloc();
      if (status != LZMA_OK && status != LZMA_STREAM_END) {
        refuse(fmt::format("liblzma cannot pack the trace (status {}): expected success",
                           static_cast<int>(status)));
      }
      file_.write(std::span(out_).first(out_.size() - encoder_.avail_out));
    } while (action == LZMA_FINISH ? status != LZMA_STREAM_END : encoder_.avail_in > 0);
  }

  AtomicFile& file_;
  bool packed_;
  lzma_stream encoder_ = LZMA_STREAM_INIT;
  std::vector<std::byte> out_;
};

void check_fits(const RoutingTrace& trace) {
  if (trace.provenance().synthetic) {
    refuse(
        "the trace is synthetic and MRT1 has no place for that mark: expected another format, such as "
        ".ptrace");
  }
  if (trace.tokens() == 0) refuse("number of tokens is 0: expected at least 1");
  if (trace.shape().grid.experts > mrt1::experts_max) {
    refuse(fmt::format("number of experts is {}: expected at most {}, because MRT1 ids are one byte",
                       trace.shape().grid.experts, mrt1::experts_max));
  }
  if (trace.tokens() > std::numeric_limits<std::uint32_t>::max()) {
    refuse(fmt::format("number of tokens is {}: expected below 2^32, as MRT1 can say", trace.tokens()));
  }
  const auto weights = trace.weight_storage();
  const auto inexact = std::find_if_not(weights.begin(), weights.end(), is_exact_bf16);
  if (inexact != weights.end()) {
    refuse(fmt::format("router weight is {}: expected values that bf16 holds exactly, as MRT1 stores them",
                       *inexact));
  }
}

std::vector<std::byte> front_matter(const RoutingTrace& trace) {
  std::vector<std::byte> bytes;
  for (const char letter : mrt1::magic) bytes.push_back(static_cast<std::byte>(letter));
  const auto& shape = trace.shape();
  for (const std::uint32_t field :
       {mrt1::version, shape.grid.layers, shape.grid.experts, shape.top_k,
        static_cast<std::uint32_t>(trace.sequences().size()), static_cast<std::uint32_t>(trace.tokens()),
        trace.has_weights() ? mrt1::flag_weights : 0U, shape.first_layer_id, shape.layer_stride, 0U, 0U}) {
    put_le(bytes, field);
  }
  for (const auto& sequence : trace.sequences()) {
    put_le(bytes, static_cast<std::uint32_t>(sequence.first_token));
    put_le(bytes, sequence.tokens);
    put_le(bytes, sequence.prefill_tokens);
    put_le(bytes, sequence.flags);
  }
  return bytes;
}

void write_weights(std::span<const float> weights, Sink& sink) {
  std::vector<std::byte> chunk;
  while (!weights.empty()) {
    const auto take = std::min(weights.size(), chunk_bytes / 2);
    chunk.clear();
    for (const float weight : weights.first(take)) put_le(chunk, float_to_bf16(weight));
    sink.write(chunk);
    weights = weights.subspan(take);
  }
}

}  // namespace

void export_mrt1(const RoutingTrace& trace, const std::filesystem::path& path) {
  in_file(path.string(), [&] {
    check_fits(trace);
    AtomicFile file(path);
    Sink sink(file, path.extension() == ".xz");
    sink.write(front_matter(trace));
    sink.write(trace.id_storage());
    write_weights(trace.weight_storage(), sink);
    sink.finish();
    file.commit();
  });
}

}  // namespace prophet
