#include <array>
#include <nlohmann/json.hpp>

#include "bench/measure/measured_rows.hpp"
#include "bench/measure/table.hpp"

namespace prophet::measure {
namespace {

constexpr std::array copy_columns{
    Column{"direction", "direction", "", 1, 0, 15, true},
    Column{"way", "way", "", 1, 0, 9, true},
    Column{"bytes", "bytes", "B", 1, 0, 11},
    Column{"copies", "copies", "", 1, 0, 6},
    Column{"time_ns_median", "median", "us", ns_to_us, 2, 11},
    Column{"time_ns_min", "min", "us", ns_to_us, 2, 11},
    Column{"time_ns_max", "max", "us", ns_to_us, 2, 11},
    Column{"bytes_per_s", "rate", "GB/s", to_giga, 2, 8},
    Column{"link_share", "of link", "%", to_percent, 1, 8},
    Column{"submit_ns_median", "submit", "us", ns_to_us, 2, 9},
};

constexpr std::array boundary_columns{
    Column{"way", "way", "", 1, 0, 15, true},
    Column{"to", "to", "", 1, 0, 8, true},
    Column{"slabs", "slabs", "", 1, 0, 6},
    Column{"slab_bytes", "slab", "B", 1, 0, 11},
    Column{"move_ns_median", "median", "us", ns_to_us, 2, 11},
    Column{"move_ns_min", "min", "us", ns_to_us, 2, 11},
    Column{"move_ns_max", "max", "us", ns_to_us, 2, 11},
    Column{"move_ns_per_slab", "a slab", "us", ns_to_us, 3, 9},
    Column{"move_ns_per_mib", "a MiB", "us", ns_to_us, 4, 9},
    Column{"first_write_ns_median", "first write", "us", ns_to_us, 2, 11},
    Column{"first_write_bytes_per_s", "rate", "GB/s", to_giga, 1, 8},
    Column{"pages_verified", "verified", "pages", 1, 0, 9},
};

Rows copy_row(const CopyRow& copy, const MeasuredGpu& gpu, const MeasuredAgainst& against) {
  const bool has_times = gpu.times_mean_something;
  Rows row;
  row["direction"] = direction_name(copy.direction);
  row["way"] = copy_way_name(copy.way);
  row["bytes"] = copy.bytes;
  row["copies"] = copy.copies;
  set_timing(row, "time_ns", copy.time, has_times);
  set_rate(row, "bytes_per_s", static_cast<double>(copy.bytes), copy.time, has_times);
  row["link_share"] = nullptr;
  if (against.profile && row["bytes_per_s"].is_number()) {
    const double link = copy.direction == Direction::to_device ? against.profile->link_bytes_per_s
                                                               : against.profile->link_down_bytes_per_s;
    row["link_share"] = row["bytes_per_s"].get<double>() / link;
  }
  set_timing(row, "submit_ns", copy.submit, has_times);
  return row;
}

void set_share(Rows& row, const char* key, const Timing& timing, double parts, bool has_times) {
  row[key] = nullptr;
  if (has_times) row[key] = static_cast<double>(timing.median_ns) / parts;
}

Rows boundary_row(const BoundaryRow& moved, bool has_times) {
  constexpr double mib = 1 << 20;
  const double bytes = static_cast<double>(moved.slabs) * static_cast<double>(moved.slab_bytes);
  Rows row;
  row["way"] = boundary_way_name(moved.way);
  row["to"] = moved.to_pages ? "pages" : "experts";
  row["slabs"] = moved.slabs;
  row["slab_bytes"] = moved.slab_bytes;
  set_timing(row, "move_ns", moved.move, has_times);
  set_share(row, "move_ns_per_slab", moved.move, moved.slabs, has_times);
  set_share(row, "move_ns_per_mib", moved.move, bytes / mib, has_times);
  set_timing(row, "first_write_ns", moved.first_write, has_times);
  set_rate(row, "first_write_bytes_per_s", bytes, moved.first_write, has_times);
  row["pages_verified"] = moved.pages_verified;
  return row;
}

}  // namespace

Rows copy_rows(const MeasuredCopies& measured, const MeasuredAgainst& against) {
  Rows rows = Rows::array();
  for (const CopyRow& copy : measured.rows) rows.push_back(copy_row(copy, measured.gpu, against));
  return rows;
}

std::string copy_table(const Rows& rows) {
  return table_text(copy_columns, rows);
}

Rows boundary_rows(const MeasuredBoundary& measured) {
  Rows rows = Rows::array();
  for (const BoundaryRow& moved : measured.rows)
    rows.push_back(boundary_row(moved, measured.gpu.times_mean_something));
  return rows;
}

std::string boundary_table(const Rows& rows) {
  return table_text(boundary_columns, rows);
}

}  // namespace prophet::measure
