#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "prophet/limits.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/requests/request_lines.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t ns_per_s = 1'000'000'000;

/// All of `text` as digits, at most `most`.
std::optional<std::uint64_t> digits(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || value > most)
    return std::nullopt;
  return value;
}

std::uint32_t tokens(std::string_view text, std::string_view column, std::string_view where) {
  const auto value = digits(text, limits::request_tokens_max);
  if (!value || *value == 0) {
    refuse(where, fmt::format("{} is '{}', expected an integer of 1 to {}", column, text.substr(0, 32),
                              limits::request_tokens_max));
  }
  return static_cast<std::uint32_t>(*value);
}

/// The decimals of a second as nanoseconds; `text` begins with the point, or is empty.
std::optional<std::uint64_t> decimals_ns(std::string_view text) {
  if (text.empty()) return 0;
  constexpr std::size_t most = 9;
  if (text.front() != '.' || text.size() < 2 || text.size() > 1 + most) return std::nullopt;
  auto value = digits(text.substr(1), ns_per_s);
  for (std::size_t have = text.size() - 1; value && have < most; ++have) *value *= 10;
  return value;
}

/// "YYYY-MM-DD hh:mm:ss", with decimals or without, since 1970.
std::optional<std::uint64_t> timestamp_ns(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-dd dd:dd:dd";
  if (text.size() < shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == 'd' ? !is_digit : text[i] != shape[i]) return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t length) {
    return static_cast<unsigned>(*digits(text.substr(at, length), 9999));
  };
  const std::chrono::year_month_day day(std::chrono::year(static_cast<int>(part(0, 4))),
                                        std::chrono::month(part(5, 2)), std::chrono::day(part(8, 2)));
  const std::uint64_t hour = part(11, 2);
  const std::uint64_t minute = part(14, 2);
  const std::uint64_t second = part(17, 2);
  const auto fraction = decimals_ns(text.substr(shape.size()));
  if (!day.ok() || hour > 23 || minute > 59 || second > 60 || !fraction) return std::nullopt;
  const auto days = std::chrono::sys_days(day).time_since_epoch().count();
  // Within 64 bits of nanoseconds.
  constexpr int year_first = 1970;
  constexpr int year_last = 2500;
  if (static_cast<int>(day.year()) < year_first || static_cast<int>(day.year()) > year_last)
    return std::nullopt;
  return ((static_cast<std::uint64_t>(days) * 24 + hour) * 3600 + minute * 60 + second) * ns_per_s +
         *fraction;
}

}  // namespace

std::uint64_t parse_azure_request(std::string_view line, std::string_view where, RequestRecord& request) {
  std::array<std::string_view, 3> fields{};
  std::size_t count = 0;
  for (std::size_t at = 0; at <= line.size(); ++count) {
    const std::size_t comma = std::min(line.find(',', at), line.size());
    if (count < fields.size()) fields[count] = line.substr(at, comma - at);
    at = comma + 1;
  }
  if (count != fields.size()) refuse(where, fmt::format("has {} fields, expected {}", count, fields.size()));
  const auto arrival_ns = timestamp_ns(fields[0]);
  if (!arrival_ns) {
    refuse(where, fmt::format("TIMESTAMP is '{}', expected a time such as 2023-11-16 18:17:03.9799600",
                              fields[0].substr(0, 40)));
  }
  request.prompt_tokens = tokens(fields[1], "ContextTokens", where);
  request.output_tokens = tokens(fields[2], "GeneratedTokens", where);
  request.prefix_blocks.clear();
  return *arrival_ns;
}

}  // namespace prophet
