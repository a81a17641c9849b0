#include "bench/measure/sizes.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

#include "prophet/error.hpp"

namespace prophet::measure {
namespace {

struct SizeUnit {
  std::string_view name;
  unsigned shift;
};
constexpr std::array units{SizeUnit{"gib", 30}, SizeUnit{"mib", 20}, SizeUnit{"kib", 10}, SizeUnit{"b", 0},
                           SizeUnit{"", 0}};

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& letter : low) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return low;
}

}  // namespace

std::uint64_t parse_size(std::string_view text, std::string_view option, std::uint64_t min_bytes,
                         std::uint64_t max_bytes) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string unit = lower(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const SizeUnit& known : units) {
    if (error != std::errc{} || unit != known.name || count > (max_bytes >> known.shift)) continue;
    if (const std::uint64_t bytes = count << known.shift; bytes >= min_bytes) return bytes;
  }
  throw Error(ErrorCode::usage, fmt::format("{} {}: expected a size such as 64KiB or 16MiB between {} and {}",
                                            option, text, size_text(min_bytes), size_text(max_bytes)));
}

std::string size_text(std::uint64_t bytes) {
  if (bytes != 0 && bytes % (1ULL << 30) == 0) return fmt::format("{} GiB", bytes >> 30);
  if (bytes != 0 && bytes % (1ULL << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  if (bytes != 0 && bytes % (1ULL << 10) == 0) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} B", bytes);
}

std::vector<std::uint64_t> size_ladder(std::uint64_t first, std::uint64_t last, std::uint64_t step) {
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t size = first; size <= last; size *= step) {
    sizes.push_back(size);
    if (size > last / step) break;
  }
  return sizes;
}

}  // namespace prophet::measure
