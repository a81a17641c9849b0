#include "bench/ledger/validation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "bench/ledger/ledger_file.hpp"
#include "bench/ledger/summary.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

constexpr const char* header =
    "id,document,section,kind,model,gpu,batch,context,metric,claimed,unit,within,study,real,measured,decides,"
    "verdict,reading,reason\n";

Entry entry_of(const std::string& row) {
  return read_ledger("l.csv", header + row + "\n").front();
}
Verdict verdict_of(const std::string& row) {
  const Entry entry = entry_of(row);
  return validate({&entry, 1}).front().verdict;
}
std::string refusal(const std::string& text) {
  try {
    const auto entries = read_ledger("l.csv", text);
    static_cast<void>(validate(entries));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Ledger, CoversAll1088Claims) {
  const auto& ledger = shipped_ledger();
  EXPECT_EQ(ledger.size(), 1088U);
  std::set<std::string> ids;
  for (const Entry& entry : ledger) ids.insert(entry.claim.id);
  EXPECT_EQ(ids.size(), 1088U);
  EXPECT_EQ(*ids.begin(), "C001");
}

TEST(Ledger, NoVerdictDiffersFromTheRecordedOne) {
  for (const Finding& finding : validate(shipped_ledger())) {
    EXPECT_FALSE(finding.is_changed()) << finding.entry->claim.id << " is " << verdict_name(finding.verdict)
                                       << ", recorded as " << verdict_name(finding.entry->recorded);
    EXPECT_FALSE(finding.entry->reason.empty());
    EXPECT_FALSE(finding.command.empty());
  }
}

TEST(Ledger, TwoRunsAgree) {
  const auto first = validate(shipped_ledger()), second = validate(shipped_ledger());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].verdict, second[i].verdict);
    for (const Basis basis : bases) EXPECT_EQ(first[i].of(basis).value, second[i].of(basis).value);
  }
}

TEST(Ledger, EveryBasisIsUsedAndEveryVerdictComesUp) {
  std::map<Verdict, int> count;
  std::set<Basis> deciding;
  for (const Entry& entry : shipped_ledger()) {
    ++count[entry.recorded];
    if (entry.decides) deciding.insert(*entry.decides);
  }
  EXPECT_EQ(count.size(), verdicts.size());
  EXPECT_EQ(deciding.size(), bases.size());
}

TEST(Ledger, TheSummaryCountsEachClaimOnce) {
  const auto findings = validate(shipped_ledger());
  VerdictCount all;
  for (const VerdictCount& count : count_verdicts(findings)) all.add(count);
  EXPECT_EQ(all.claims(), 1088U);
  EXPECT_EQ(all.changed, 0U);
}

TEST(Ledger, AnotherReadingThanTheFirstIsKeptBesideIt) {
  std::size_t others = 0;
  for (const Entry& entry : shipped_ledger()) {
    EXPECT_TRUE(entry.first_reading == "consistent" || entry.first_reading == "inconsistent" ||
                entry.first_reading == "underdetermined" || entry.first_reading == "needs_measurement")
        << entry.claim.id;
    if (agrees_with_first_reading(entry)) continue;
    ++others;
    EXPECT_GE(entry.reason.size(), 40U) << entry.claim.id << ": " << entry.reason;
  }
  EXPECT_GT(others, 0U);
}

/// The claims file's own columns recomputed_value, verdict and note, and whatever else is in it, do not
/// count.
TEST(Ledger, BlankedReadingsOfTheClaimsFileChangeNothing) {
  const auto file = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/claims/claims.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "../shared/claims/claims.csv is not there";
  const auto entries = read_claims("claims.csv", read(file), shipped_ledger());
  ASSERT_EQ(entries.size(), 1088U);
  const auto from_file = validate(entries), shipped = validate(shipped_ledger());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].claim.id, shipped[i].entry->claim.id);
    EXPECT_EQ(entries[i].claim.value, shipped[i].entry->claim.value) << entries[i].claim.id;
    EXPECT_EQ(entries[i].claim.unit, shipped[i].entry->claim.unit) << entries[i].claim.id;
    EXPECT_EQ(entries[i].claim.model, shipped[i].entry->claim.model) << entries[i].claim.id;
    EXPECT_EQ(from_file[i].verdict, shipped[i].verdict) << entries[i].claim.id;
    for (const Basis basis : bases) EXPECT_EQ(from_file[i].of(basis).value, shipped[i].of(basis).value);
  }
}

TEST(Ledger, AValueAgreesWithinHalfOfTheLastPrintedDigit) {
  const std::string rest = ",GB,,9.445,,,study,reproduced,consistent,why";
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9.45" + rest), Verdict::reproduced);
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9.44" + rest), Verdict::reproduced);
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9.43" + rest), Verdict::contradicted);
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9" + rest), Verdict::reproduced);
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9.40" + rest), Verdict::contradicted);
  EXPECT_EQ(verdict_of("C1,001,S,savings,,,,,m,9.40,GB,0.05,9.445,,,study,reproduced,consistent,why"),
            Verdict::reproduced);
}

TEST(Ledger, ABasisWithoutAValueContradicts) {
  EXPECT_EQ(verdict_of("C1,001,S,kv_extension,Mixtral-8x7B,A100-80GB,1,,m,10.2,x,,,extension,,real,"
                       "reproduced,consistent,why"),
            Verdict::contradicted);
}

TEST(Ledger, WithoutABasisThatDecidesTheRecordedVerdictStays) {
  EXPECT_EQ(verdict_of("C1,001,S,latency,,,,,m,1.2,x,,,,,none,needs a GPU,needs_measurement,why"),
            Verdict::needs_gpu);
}

TEST(Ledger, APlantedChangeOfOneConstantFlipsAVerdict) {
  EXPECT_EQ(verdict_of("C1,000,S,savings,,,,,m,87.5,%,,(128-16)/128*100,,,study,reproduced,consistent,why"),
            Verdict::reproduced);
  EXPECT_EQ(verdict_of("C1,000,S,savings,,,,,m,87.5,%,,(128-17)/128*100,,,study,reproduced,consistent,why"),
            Verdict::contradicted);
}

TEST(Ledger, WhatIsNoLedgerIsRefusedWithFileLineAndField) {
  const std::string good = "C1,000,S,savings,,,,,m,87.5,%,,1,,,study,reproduced,consistent,why\n";
  EXPECT_NE(refusal("id,document\nC1,000\n").find("no column 'section'"), std::string::npos);
  EXPECT_NE(refusal(header + good + good).find("l.csv line 3, id: 'C1', expected each id once"),
            std::string::npos);
  EXPECT_NE(
      refusal(header + std::string("C1,000,S,savings,,,,,m,87x,%,,1,,,study,reproduced,consistent,why\n"))
          .find("l.csv line 2, claimed: '87x', expected a number"),
      std::string::npos);
  EXPECT_NE(
      refusal(header + std::string("C1,000,S,savings,,,four,,m,1,%,,1,,,study,reproduced,consistent,why\n"))
          .find("line 2, batch"),
      std::string::npos);
  EXPECT_NE(refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,1,,,guess,reproduced,consistent,why\n"))
                .find("decides: 'guess', expected study"),
            std::string::npos);
  EXPECT_NE(refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,1,,,study,fine,consistent,why\n"))
                .find("verdict: 'fine'"),
            std::string::npos);
  EXPECT_NE(refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,1,,,none,reproduced,consistent,why\n"))
                .find("since none decides"),
            std::string::npos);
  EXPECT_NE(refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,,1,,study,reproduced,consistent,why\n"))
                .find("an expression, since it decides"),
            std::string::npos);
  EXPECT_NE(refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,1,,,study,reproduced,consistent,\n"))
                .find("reason: '', expected a sentence"),
            std::string::npos);
  EXPECT_NE(
      refusal(header + std::string("C1,000,S,savings,,,,,m,1,%,,1+,,,study,reproduced,consistent,why\n"))
          .find("l.csv line 2, study of C1: '1+'"),
      std::string::npos);
}

TEST(Ledger, ClaimsOfAFileMustBeKnownByTheirIds) {
  const std::string columns =
      "id,source,section,kind,model,gpu,batch,seq_len,metric,claimed_value,unit,formula,verdict\n";
  EXPECT_EQ(read_claims("c.csv", columns + "C001,000,S,savings,,,,,m,87.5,%,anything,any\n", shipped_ledger())
                .front()
                .claim.value,
            87.5);
  try {
    static_cast<void>(read_claims("c.csv", columns + "C01,000,S,savings,,,,,m,87.5,%,,\n", shipped_ledger()));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("c.csv line 2, id: 'C01', expected one that the ledger has, such as C"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace prophet::ledger
