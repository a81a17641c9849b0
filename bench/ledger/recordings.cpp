#include "bench/ledger/recordings.hpp"
#include "bench/csv/csv_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "bench/analytic/study/study_catalogue.hpp"
#include "bench/ledger/embedded_data.hpp"
#include "bench/ledger/near_words.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

constexpr std::uint64_t batch_most = 1U << 20;

std::vector<Recording> read_recordings() {
  const CsvTable table("measurements.csv", embedded_ledger_data()[0].contents);
  table.require_columns(
      {"id", "value", "unit", "device", "simulated", "source", "seed", "commit", "command"});
  std::vector<Recording> all;
  for (const CsvTable::Row& row : table.rows()) {
    all.push_back({table.field(row, "id"), table.number(row, "value").value(), table.field(row, "unit"),
                   table.field(row, "device"), table.field(row, "simulated") == "yes",
                   table.field(row, "source"), table.field(row, "seed"), table.field(row, "commit"),
                   table.field(row, "command")});
  }
  return all;
}

/// What was counted in one configuration, tokens of each sequence.
struct Counted {
  double baseline_tokens = 0;
  double prophet_tokens = 0;
  std::string outcome;
  std::optional<double> extension;
};
using Configuration = std::tuple<std::string, std::string, std::uint32_t>;  ///< model, GPU, batch

std::map<Configuration, Counted> read_headroom() {
  const CsvTable table("headroom.csv", embedded_ledger_data()[1].contents);
  table.require_columns(
      {"model", "gpu", "batch", "baseline_tokens", "prophet_tokens", "outcome", "extension"});
  std::map<Configuration, Counted> all;
  for (const CsvTable::Row& row : table.rows()) {
    const auto batch = static_cast<std::uint32_t>(table.count(row, "batch", batch_most).value());
    all[{table.field(row, "model"), table.field(row, "gpu"), batch}] = {
        table.number(row, "baseline_tokens").value(), table.number(row, "prophet_tokens").value(),
        table.field(row, "outcome"), table.number(row, "extension")};
  }
  return all;
}

class MeasuredQuantities final : public Quantities {
 public:
  MeasuredQuantities() : headroom_(read_headroom()) {}

  double value(std::string_view name, const Place& place) override {
    if (!depends_on_gpu(name))
      throw Error(ErrorCode::bad_input, fmt::format("'{}' is no quantity that is measured", name));
    if (place.model.empty()) throw NoValue("no model");
    const std::string& model = analytic::find_study_model(place.model).name;
    const auto found = headroom_.find({model, gpu_of(place), batch_of(place)});
    if (found == headroom_.end()) throw NoValue("not measured in this configuration");
    const Counted& counted = found->second;
    if (name == "baseline_tokens") return counted.baseline_tokens;
    if (name == "prophet_tokens") return counted.prophet_tokens;
    if (name == "extra_tokens") return counted.prophet_tokens - counted.baseline_tokens;
    if (!counted.extension) throw NoValue(counted.outcome);
    return *counted.extension;
  }
  bool depends_on_gpu(std::string_view name) const override {
    return name == "baseline_tokens" || name == "prophet_tokens" || name == "extra_tokens" ||
           name == "extension";
  }

 private:
  std::map<Configuration, Counted> headroom_;
};

}  // namespace

const std::vector<Recording>& recordings() {
  static const std::vector<Recording> all = read_recordings();
  return all;
}

const Recording& find_recording(std::string_view id) {
  const auto& all = recordings();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Recording& recording) { return recording.id == id; });
  if (found != all.end()) return *found;
  std::vector<std::string> ids;
  for (const Recording& recording : all) ids.push_back(recording.id);
  throw Error(ErrorCode::bad_input,
              fmt::format("no recording '{}'; expected one such as {}", id, near_words(id, ids)));
}

std::unique_ptr<Quantities> make_measured_quantities() {
  return std::make_unique<MeasuredQuantities>();
}

const char* headroom_command() noexcept {
  return "prophet headroom --grid";
}

}  // namespace prophet::ledger
