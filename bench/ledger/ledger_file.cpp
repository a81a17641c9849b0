#include "bench/ledger/ledger_file.hpp"
#include "bench/csv/csv_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "bench/ledger/embedded_data.hpp"
#include "bench/ledger/near_words.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

constexpr std::uint64_t batch_most = 1U << 20;
constexpr std::uint64_t context_most = 1U << 30;
constexpr std::size_t claims_of_documents = 2;  ///< embedded files before them

/// What the columns of a claim are called in a ledger, and in the file of a study's claims.
struct ClaimColumns {
  const char* document;
  const char* context;
  const char* claimed;
};
constexpr ClaimColumns ledger_columns = {"document", "context", "claimed"};
constexpr ClaimColumns claims_columns = {"source", "seq_len", "claimed_value"};

[[noreturn]] void refuse(const CsvTable& table, const CsvTable::Row& row, const char* column,
                         std::string_view expected) {
  throw Error(ErrorCode::bad_input, fmt::format("{}, {}: '{}', expected {}", table.where(row), column,
                                                table.field(row, column), expected));
}

bool is_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  return dash != std::string_view::npos && is_number(text.substr(0, dash)) &&
         is_number(text.substr(dash + 1));
}

void read_batch(const CsvTable& table, const CsvTable::Row& row, Claim& claim) {
  claim.batches = table.field(row, "batch");
  if (is_range(claim.batches)) return;
  const auto batch = table.count(row, "batch", batch_most);
  if (batch) claim.batch = static_cast<std::uint32_t>(*batch);
}

Claim read_claim(const CsvTable& table, const CsvTable::Row& row, const ClaimColumns& columns) {
  Claim claim;
  claim.id = table.field(row, "id");
  claim.document = table.field(row, columns.document);
  claim.section = table.field(row, "section");
  claim.kind = table.field(row, "kind");
  claim.model = table.field(row, "model");
  claim.gpu = table.field(row, "gpu");
  read_batch(table, row, claim);
  claim.context_tokens = table.count(row, columns.context, context_most);
  claim.metric = table.field(row, "metric");
  claim.printed = table.field(row, columns.claimed);
  const auto value = table.number(row, columns.claimed);
  if (!value) refuse(table, row, columns.claimed, "a number");
  claim.value = *value;
  claim.unit = table.field(row, "unit");
  return claim;
}

std::optional<Basis> read_decides(const CsvTable& table, const CsvTable::Row& row) {
  const std::string& text = table.field(row, "decides");
  if (text == "none") return std::nullopt;
  for (const Basis basis : bases) {
    if (text == basis_name(basis)) return basis;
  }
  refuse(table, row, "decides", "study, real, measured or none");
}

Verdict read_verdict(const CsvTable& table, const CsvTable::Row& row) {
  if (const auto verdict = find_verdict(table.field(row, "verdict"))) return *verdict;
  refuse(table, row, "verdict", "reproduced, contradicted, underdetermined, needs a GPU or not measurable");
}

/// A value comes to one of two verdicts, and without one neither of them can be.
void check_consistent(const CsvTable& table, const CsvTable::Row& row, const Entry& entry) {
  const bool computed = entry.recorded == Verdict::reproduced || entry.recorded == Verdict::contradicted;
  if (computed != entry.decides.has_value())
    refuse(table, row, "verdict",
           entry.decides ? "reproduced or contradicted, since a basis decides"
                         : "another one, since none decides");
  if (entry.decides && entry.expression(*entry.decides).empty())
    refuse(table, row, basis_name(*entry.decides), "an expression, since it decides");
  if (entry.reason.empty()) refuse(table, row, "reason", "a sentence");
}

Entry read_entry(const CsvTable& table, const CsvTable::Row& row) {
  Entry entry;
  entry.claim = read_claim(table, row, ledger_columns);
  entry.within = table.number(row, "within");
  for (const Basis basis : bases)
    entry.expressions[static_cast<std::size_t>(basis)] = table.field(row, basis_name(basis));
  entry.decides = read_decides(table, row);
  entry.recorded = read_verdict(table, row);
  entry.first_reading = table.field(row, "reading");
  entry.reason = table.field(row, "reason");
  entry.where = table.where(row);
  check_consistent(table, row, entry);
  return entry;
}

class Ids {
 public:
  void add(const CsvTable& table, const CsvTable::Row& row) {
    if (!seen_.insert(table.field(row, "id")).second) refuse(table, row, "id", "each id once");
  }

 private:
  std::set<std::string> seen_;
};

std::vector<Entry> read_shipped() {
  std::vector<Entry> all;
  for (const EmbeddedFile& file : embedded_ledger_data().subspan(claims_of_documents)) {
    for (Entry& entry : read_ledger(std::string(file.name), file.contents)) all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace

std::vector<Entry> read_ledger(const std::string& name, std::string_view text) {
  const CsvTable table(name, text);
  table.require_columns({"id", "document", "section", "kind", "model", "gpu", "batch", "context", "metric",
                         "claimed", "unit", "within", "study", "real", "measured", "decides", "verdict",
                         "reading", "reason"});
  Ids ids;
  std::vector<Entry> entries;
  for (const CsvTable::Row& row : table.rows()) {
    ids.add(table, row);
    entries.push_back(read_entry(table, row));
  }
  return entries;
}

const std::vector<Entry>& shipped_ledger() {
  static const std::vector<Entry> all = read_shipped();
  return all;
}

std::vector<Entry> read_claims(const std::string& name, std::string_view text,
                               const std::vector<Entry>& ledger) {
  const CsvTable table(name, text);
  table.require_columns({"id", "source", "section", "kind", "model", "gpu", "batch", "seq_len", "metric",
                         "claimed_value", "unit"});
  std::map<std::string, const Entry*> known;
  std::vector<std::string> names;
  for (const Entry& entry : ledger) {
    known[entry.claim.id] = &entry;
    names.push_back(entry.claim.id);
  }
  Ids ids;
  std::vector<Entry> entries;
  for (const CsvTable::Row& row : table.rows()) {
    ids.add(table, row);
    const auto found = known.find(table.field(row, "id"));
    if (found == known.end())
      refuse(table, row, "id",
             fmt::format("one that the ledger has, such as {}", near_words(table.field(row, "id"), names)));
    Entry entry = *found->second;
    entry.claim = read_claim(table, row, claims_columns);
    entry.where = table.where(row);
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace prophet::ledger
