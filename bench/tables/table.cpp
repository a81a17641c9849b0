#include "bench/tables/table.hpp"

#include <utility>

namespace prophet::tables {
namespace {

constexpr double bytes_per_gb = 1e9;
constexpr double percent_per_share = 100;
constexpr int gb_decimals = 3;
constexpr int percent_decimals = 2;

}  // namespace

Cell gb(std::optional<std::uint64_t> bytes) {
  if (!bytes) return {};
  return static_cast<double>(*bytes) / bytes_per_gb;
}

Cell percent(std::optional<double> share) {
  if (!share) return {};
  return *share * percent_per_share;
}

Cell yes_or_no(std::optional<bool> value) {
  if (!value) return {};
  return *value ? "yes" : "no";
}

Column text_column(std::string key, std::string heading) {
  return {std::move(key), std::move(heading), 0, true};
}

Column count_column(std::string key, std::string heading) {
  return {std::move(key), std::move(heading), 0, false};
}

Column gb_column(std::string key, std::string heading) {
  return {std::move(key), std::move(heading) + ", GB", gb_decimals, false};
}

Column percent_column(std::string key, std::string heading) {
  return {std::move(key), std::move(heading) + ", %", percent_decimals, false};
}

Column number_column(std::string key, std::string heading, int decimals) {
  return {std::move(key), std::move(heading), decimals, false};
}

}  // namespace prophet::tables
