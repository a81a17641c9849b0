#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace/requests/request_record.hpp"

namespace prophet {

/// Reads the requests of a request trace one after another, in constant memory. Two formats, told apart by
/// the first line:
///   Azure's CSV          TIMESTAMP,ContextTokens,GeneratedTokens; the timestamp is a date and a time of up
///   to
///                        9 decimals, "2023-11-16 18:17:03.9799600"
///   Mooncake's JSON lines  one object a line with timestamp (ms), input_length, output_length and, if the
///                        trace has them, hash_ids: one for each 512 tokens of the prompt; unknown fields
///                        pass
/// Not thread-safe.
class RequestReader {
 public:
  virtual ~RequestReader() = default;
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// The next request; false at the end. Its buffers are used again. Throws Error{bad_input} that begins with
  /// the file and the line, for what is no request of its format: a field that is missing, stands twice, is
  /// negative or beyond limits.hpp, a request of no tokens, one that came before the one above it, and
  /// hash_ids that are not as many as the prompt has blocks.
  [[nodiscard]] virtual bool next(RequestRecord& request) = 0;
  /// "azure-csv" or "mooncake-jsonl".
  [[nodiscard]] virtual std::string_view format() const noexcept = 0;

 protected:
  RequestReader() = default;
};

/// Throws Error{bad_input} when the file is missing or its first line is of neither format.
[[nodiscard]] std::unique_ptr<RequestReader> open_requests(const std::filesystem::path& path);

/// The same of bytes in memory, which must outlive the reader; `name` begins the sentences.
[[nodiscard]] std::unique_ptr<RequestReader> parse_requests(std::span<const std::byte> bytes,
                                                            std::string_view name);

/// The first `most` requests of a file; 0: all. Throws as the reader does, and for a file without requests.
[[nodiscard]] std::vector<RequestRecord> load_requests(const std::filesystem::path& path, std::uint64_t most);

}  // namespace prophet
