#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/commands/commands.hpp"
#include "bench/ledger/ledger_file.hpp"
#include "bench/ledger/near_words.hpp"
#include "bench/ledger/recordings.hpp"
#include "bench/ledger/validation.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/ledger_rows.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/names.hpp"

namespace prophet {
namespace {

using namespace ledger;
using Json = nlohmann::ordered_json;

struct ValidateSetup {
  std::vector<std::string> ids;
  std::vector<std::string> documents;
  std::vector<std::string> kinds;
  std::vector<std::string> models;
  std::vector<std::string> verdicts;
  bool all = false;
  bool reread = false;
  std::string claims_path;
  std::vector<std::string> ledger_paths;
  std::string json_path;
  std::string csv_path;
};

void add_validate_options(CLI::App& command, ValidateSetup& setup) {
  command.add_option("--claim", setup.ids, "Only these, with all that is known of each: C001,C309")
      ->delimiter(',');
  command.add_option("--document", setup.documents, "Only those of these documents: 000 to 004")
      ->delimiter(',');
  command.add_option("--kind", setup.kinds, "Only those of these kinds, such as savings or latency")
      ->delimiter(',');
  command.add_option("--model", setup.models, "Only those of these models, as the study writes them")
      ->delimiter(',');
  command.add_option("--verdict", setup.verdicts, "Only those that come to these verdicts")->delimiter(',');
  command.add_flag("--reread", setup.reread,
                   "Only those whose verdict is another one than a first reading's");
  command.add_flag("--all", setup.all, "A line for each claim, not only the summary");
  command.add_option("--claims", setup.claims_path,
                     "A file of claims instead of the program's own numbers; every id must be in the ledger");
  command.add_option("--ledger", setup.ledger_paths, "Files of a ledger instead of the program's own")
      ->delimiter(',');
  command.add_option("--json", setup.json_path, "Write summary and claims as JSON; - is stdout");
  command.add_option("--csv", setup.csv_path, "Write the claims as CSV; - is stdout");
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: cannot be read, expected a file of comma-separated values", path));
  return read_text_file(path, limits::config_json_bytes_max);
}

std::vector<Entry> entries_of(const ValidateSetup& setup) {
  std::vector<Entry> entries;
  for (const std::string& path : setup.ledger_paths) {
    for (Entry& entry : read_ledger(path, read_file(path))) entries.push_back(std::move(entry));
  }
  if (setup.ledger_paths.empty()) entries = shipped_ledger();
  if (!setup.claims_path.empty())
    entries = read_claims(setup.claims_path, read_file(setup.claims_path), entries);
  return entries;
}

/// Keeps the entries whose field is among the wanted; a word that no entry has is refused.
template <typename Field>
void keep(std::vector<Entry>& entries, const std::vector<std::string>& wanted, const char* option,
          Field field) {
  if (wanted.empty()) return;
  std::vector<std::string> known;
  for (const Entry& entry : entries) {
    if (!field(entry).empty()) known.push_back(field(entry));
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::set<std::string> kept;
  for (const std::string& word : wanted) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const std::string& each) {
      return lower_case(each) == lower_case(word);
    });
    if (same == known.end())
      throw Error(ErrorCode::usage, fmt::format("{} '{}': no claim has it, expected one such as {}", option,
                                                word, near_words(word, known)));
    kept.insert(*same);
  }
  std::erase_if(entries, [&](const Entry& entry) { return !kept.contains(field(entry)); });
}

void select_entries(std::vector<Entry>& entries, const ValidateSetup& setup) {
  keep(entries, setup.ids, "--claim", [](const Entry& entry) { return entry.claim.id; });
  keep(entries, setup.documents, "--document", [](const Entry& entry) { return entry.claim.document; });
  keep(entries, setup.kinds, "--kind", [](const Entry& entry) { return entry.claim.kind; });
  keep(entries, setup.models, "--model", [](const Entry& entry) { return entry.claim.model; });
  if (setup.reread) std::erase_if(entries, agrees_with_first_reading);
}

void select_findings(std::vector<Finding>& findings, const ValidateSetup& setup) {
  if (setup.verdicts.empty()) return;
  std::set<Verdict> kept;
  for (const std::string& word : setup.verdicts) {
    const auto verdict = find_verdict(word);
    if (!verdict) {
      throw Error(ErrorCode::usage, fmt::format("--verdict '{}': expected reproduced, contradicted, "
                                                "underdetermined, 'needs a GPU' or 'not measurable'",
                                                word));
    }
    kept.insert(*verdict);
  }
  std::erase_if(findings, [&](const Finding& finding) { return !kept.contains(finding.verdict); });
}

bool is_selection(const ValidateSetup& setup) {
  return setup.all || setup.reread || !setup.documents.empty() || !setup.kinds.empty() ||
         !setup.models.empty() || !setup.verdicts.empty();
}

std::string run_line() {
  const Version version = program_version();
  return fmt::format(
      "command {}\nrun     arithmetic, and measurements that are recorded with their commands; prophet {} "
      "({}{})\n\n",
      command_line_text(), version.version, version.git_commit, version.git_dirty ? ", modified" : "");
}

void print_findings(const ValidateSetup& setup, const std::vector<Finding>& findings,
                    const std::vector<Finding>& changed) {
  fmt::print("{}", run_line());
  if (!setup.ids.empty()) {
    fmt::print("{}", ledger_claim_blocks(findings));
    return;
  }
  if (is_selection(setup)) fmt::print("{}\n", ledger_claim_lines(findings));
  fmt::print("{}", ledger_summary_table(findings));
  if (!changed.empty()) fmt::print("\n{}", ledger_claim_lines(changed));
}

Json measurements_json() {
  Json rows = Json::array();
  for (const Recording& recording : recordings()) {
    rows.push_back({{"id", recording.id},
                    {"value", recording.value},
                    {"unit", recording.unit},
                    {"device", recording.device},
                    {"simulated", recording.simulated},
                    {"source", recording.source},
                    {"seed", recording.seed},
                    {"commit", recording.commit},
                    {"command", recording.command}});
  }
  return rows;
}

void write_documents(const ValidateSetup& setup, const std::vector<Finding>& findings) {
  const Json rows = ledger_rows(findings);
  if (!setup.json_path.empty()) {
    Json document = {{"schema_version", report_schema_version}};
    document["provenance"] = provenance_json();
    document["summary"] = ledger_summary_rows(findings);
    document["measurements"] = measurements_json();
    document["claims"] = rows;
    write_text_file(setup.json_path, json_text(document));
  }
  if (!setup.csv_path.empty()) write_text_file(setup.csv_path, measure::csv_text(rows));
}

void run(const ValidateSetup& setup) {
  std::vector<Entry> entries = entries_of(setup);
  select_entries(entries, setup);
  std::vector<Finding> findings = validate(entries);
  select_findings(findings, setup);
  if (findings.empty())
    throw Error(ErrorCode::usage, "no claim is left by this selection, expected one or more");
  std::vector<Finding> changed = findings;
  std::erase_if(changed, [](const Finding& finding) { return !finding.is_changed(); });
  if (setup.json_path != "-" && setup.csv_path != "-") print_findings(setup, findings, changed);
  write_documents(setup, findings);
  if (!changed.empty()) {
    throw Error(ErrorCode::check_failed,
                fmt::format("{} of {} claims come to another verdict than the recorded one, first {}",
                            changed.size(), findings.size(), changed.front().entry->claim.id));
  }
}

}  // namespace

void add_validate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "validate", "What became of each number that the published study prints; 1 when a verdict changed");
  const auto setup = std::make_shared<ValidateSetup>();
  add_validate_options(*command, *setup);
  command->callback([setup] {
    check_one_stdout(setup->json_path, setup->csv_path);
    check_writable(setup->json_path);
    check_writable(setup->csv_path);
    run(*setup);
  });
}

}  // namespace prophet
