#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/trace/routing_trace.hpp"
#include "runtime/trace/trace_statistics.hpp"

namespace prophet {

/// What `prophet trace info` says about one trace, for people and for machines.
struct TraceInfo {
  std::filesystem::path file;
  const RoutingTrace& trace;
  const TraceStatisticsOptions& options;
  const TraceStatistics& statistics;
};

/// An aligned table that ends with a newline.
[[nodiscard]] std::string trace_info_table(const TraceInfo& info);

/// One JSON object; keys are snake_case with units last, and `schema_version` says what they mean.
[[nodiscard]] std::string trace_info_json(const TraceInfo& info);

}  // namespace prophet
