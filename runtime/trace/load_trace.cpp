#include "runtime/trace/load_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "prophet/error.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/mrt1.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "runtime/trace/trace_reader.hpp"

namespace prophet {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view first_bytes;
  TraceFormat format;
};

struct Ending {
  std::string_view ending;
  TraceFormat format;
};

constexpr std::size_t signature_bytes_max = 8;

constexpr std::array signatures = {
    Signature{"PTRACE\r\n"sv, TraceFormat::ptrace},  Signature{"MRT1"sv, TraceFormat::mrt1},
    Signature{"\xfd\x37zXZ\0"sv, TraceFormat::mrt1}, Signature{"\x93NUMPY"sv, TraceFormat::npy},
    Signature{"PK\x03\x04"sv, TraceFormat::npz},
};

constexpr std::array endings = {
    Ending{".csv"sv, TraceFormat::csv},
    Ending{".jsonl"sv, TraceFormat::jsonl},
    Ending{".ndjson"sv, TraceFormat::jsonl},
};

}  // namespace

TraceFormat detect_trace_format(std::span<const std::byte> first_bytes, std::string_view name) {
  const std::string_view first(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
  for (const auto& signature : signatures) {
    if (first.substr(0, signature.first_bytes.size()) == signature.first_bytes) return signature.format;
  }
  const auto ending = std::filesystem::path(name).extension().string();
  for (const auto& known : endings) {
    if (ending == known.ending) return known.format;
  }
  throw Error(
      ErrorCode::bad_input,
      fmt::format("{}: is no known kind of trace by its first {} bytes and its ending \"{}\": expected "
                  ".ptrace, MRT1 (plain or .xz), .npy, .npz, .csv or .jsonl",
                  name, std::min(first.size(), signature_bytes_max), ending));
}

RoutingTrace load_trace(const std::filesystem::path& path) {
  std::array<std::byte, signature_bytes_max> first{};
  std::size_t have = 0;
  {
    const auto source = open_file_source(path);
    have = static_cast<std::size_t>(std::min<std::uint64_t>(first.size(), source->size_bytes()));
    if (have == 0) {
      throw Error(ErrorCode::bad_input, fmt::format("{}: is empty: expected a routing trace", path.string()));
    }
    source->read_at(0, std::span(first).first(have));
  }
  switch (detect_trace_format(std::span(first).first(have), path.string())) {
    case TraceFormat::ptrace:
      return TraceReader(path).read_all();
    case TraceFormat::mrt1:
      return import_mrt1(path);
    case TraceFormat::npy:
      return import_npy(path);
    case TraceFormat::npz:
      return import_npz(path);
    case TraceFormat::csv:
      return import_csv(path);
    case TraceFormat::jsonl:
      return import_jsonl(path);
  }
  return {};
}

RoutingTrace load_trace_from_memory(std::span<const std::byte> bytes, std::string_view name) {
  if (bytes.empty())
    throw Error(ErrorCode::bad_input, fmt::format("{}: is empty: expected a routing trace", name));
  switch (detect_trace_format(bytes, name)) {
    case TraceFormat::ptrace:
      return TraceReader(bytes, std::string(name)).read_all();
    case TraceFormat::mrt1:
      return parse_mrt1(bytes, name);
    case TraceFormat::npy:
      return parse_npy(bytes, name);
    case TraceFormat::npz:
      return parse_npz(bytes, name);
    case TraceFormat::csv:
      return parse_csv(bytes, name);
    case TraceFormat::jsonl:
      return parse_jsonl(bytes, name);
  }
  return {};
}

}  // namespace prophet
