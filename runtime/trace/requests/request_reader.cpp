#include "runtime/trace/requests/request_reader.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "prophet/limits.hpp"
#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/line_reader.hpp"
#include "runtime/trace/requests/request_lines.hpp"

namespace prophet {
namespace {

class LineRequests final : public RequestReader {
 public:
  explicit LineRequests(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), stream_(make_plain_stream(*source_)), lines_(*stream_) {
    recognise();
  }

  bool next(RequestRecord& request) override;
  [[nodiscard]] std::string_view format() const noexcept override {
    return is_csv_ ? "azure-csv" : "mooncake-jsonl";
  }

 private:
  void recognise();
  [[nodiscard]] bool next_line(std::string_view& line);
  [[nodiscard]] std::string where() const {
    return fmt::format("{}: line {}", source_->where(), lines_.line_number());
  }

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<ByteStream> stream_;
  LineReader lines_;
  std::string first_line_;  ///< of a format without a header: the first request
  bool has_first_line_ = false;
  bool is_csv_ = false;
  std::uint64_t requests_ = 0;
  std::optional<std::uint64_t> first_ns_;
  std::uint64_t latest_ns_ = 0;
};

bool LineRequests::next_line(std::string_view& line) {
  while (lines_.next(line)) {
    if (line.find_first_not_of(" \t") != std::string_view::npos) return true;
  }
  return false;
}

void LineRequests::recognise() {
  std::string_view line;
  if (!next_line(line)) refuse(source_->where(), "is empty, expected a request trace");
  is_csv_ = line == azure_requests_header;
  if (is_csv_) return;
  if (line[line.find_first_not_of(" \t")] != '{') {
    refuse(where(), fmt::format("is '{}', expected the header '{}' or a JSON object", line.substr(0, 64),
                                azure_requests_header));
  }
  first_line_ = line;
  has_first_line_ = true;
}

bool LineRequests::next(RequestRecord& request) {
  std::string_view line = first_line_;
  if (!std::exchange(has_first_line_, false) && !next_line(line)) return false;
  if (++requests_ > limits::requests_max)
    refuse(where(), fmt::format("is request {}, expected at most {}", requests_, limits::requests_max));
  const std::uint64_t at_ns =
      is_csv_ ? parse_azure_request(line, where(), request) : parse_mooncake_request(line, where(), request);
  if (!first_ns_) first_ns_ = latest_ns_ = at_ns;
  if (at_ns < latest_ns_) {
    refuse(where(), fmt::format("comes {:.3f} ms before the request above it, expected requests in the order "
                                "of their arrival",
                                static_cast<double>(latest_ns_ - at_ns) / 1e6));
  }
  latest_ns_ = at_ns;
  request.arrival_ns = at_ns - *first_ns_;
  if (request.arrival_ns / 1'000'000 > limits::request_span_ms_max) {
    refuse(where(), fmt::format("comes {} ms after the first request, expected at most {}",
                                request.arrival_ns / 1'000'000, limits::request_span_ms_max));
  }
  return true;
}

}  // namespace

std::unique_ptr<RequestReader> open_requests(const std::filesystem::path& path) {
  return std::make_unique<LineRequests>(open_file_source(path));
}

std::unique_ptr<RequestReader> parse_requests(std::span<const std::byte> bytes, std::string_view name) {
  return std::make_unique<LineRequests>(make_memory_source(bytes, std::string(name)));
}

std::vector<RequestRecord> load_requests(const std::filesystem::path& path, std::uint64_t most) {
  const std::unique_ptr<RequestReader> reader = open_requests(path);
  std::vector<RequestRecord> requests;
  RequestRecord request;
  while ((most == 0 || requests.size() < most) && reader->next(request)) requests.push_back(request);
  if (requests.empty()) refuse(path.string(), "has no requests, expected at least one");
  return requests;
}

}  // namespace prophet
