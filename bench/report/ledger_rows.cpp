#include "bench/report/ledger_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/ledger/recordings.hpp"

namespace prophet {
namespace {

using namespace ledger;
using Row = nlohmann::ordered_json;

std::string key_of(Verdict verdict) {
  constexpr std::array keys = {"reproduced", "contradicted", "underdetermined", "needs_a_gpu",
                               "not_measurable"};
  return keys[static_cast<std::size_t>(verdict)];
}

Row row_of(const Finding& finding) {
  const Entry& entry = *finding.entry;
  const Claim& claim = entry.claim;
  Row row;
  row["id"] = claim.id;
  row["document"] = claim.document;
  row["section"] = claim.section;
  row["kind"] = claim.kind;
  row["model"] = claim.model;
  row["gpu"] = claim.gpu;
  row["batch"] = claim.batches;
  row["context"] = claim.context_tokens ? Row(*claim.context_tokens) : Row();
  row["metric"] = claim.metric;
  row["claimed"] = claim.value;
  row["unit"] = claim.unit;
  for (const Basis basis : bases) {
    const BasisAnswer& answer = finding.of(basis);
    row[basis_name(basis)] = answer.value ? Row(*answer.value) : Row();
    row[fmt::format("{}_agrees", basis_name(basis))] = answer.asked ? Row(answer.agrees) : Row();
    row[fmt::format("{}_note", basis_name(basis))] = answer.why_none;
    row[fmt::format("{}_expression", basis_name(basis))] = entry.expression(basis);
  }
  row["measured_simulated"] = finding.of(Basis::measured).simulated;
  row["decides"] = entry.decides ? basis_name(*entry.decides) : "none";
  row["verdict"] = verdict_name(finding.verdict);
  row["recorded_verdict"] = verdict_name(entry.recorded);
  row["first_reading"] = entry.first_reading;
  row["readings_agree"] = agrees_with_first_reading(entry);
  row["reason"] = entry.reason;
  row["command"] = finding.command;
  return row;
}

std::string summary_line(std::string_view document, std::string_view kind, const VerdictCount& count) {
  std::string text = fmt::format("{:<10} {:<14} {:>6}", document, kind, count.claims());
  for (const std::size_t claims : count.of) text += fmt::format(" {:>15}", claims);
  return text + fmt::format(" {:>13} {:>8} {:>8}\n", count.only_on_paper, count.other_reading, count.changed);
}

constexpr const char* legend = "(!): a value that is not the printed one; SIM: from simulated times\n";

std::string answer_text(const BasisAnswer& answer) {
  if (!answer.asked) return "-";
  if (!answer.value) return answer.why_none;
  return fmt::format("{:.6g}{}{}", *answer.value, answer.simulated ? " SIM" : "",
                     answer.agrees ? "" : " (!)");
}

std::string recording_line(const Recording& recording) {
  return fmt::format("  recorded  {} = {:.6g} {} of {}, commit {}: {}\n", recording.id, recording.value,
                     recording.unit, recording.source, recording.commit, recording.command);
}

std::string of_text(const Claim& claim) {
  std::string text = claim.model;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  add(claim.gpu);
  add(claim.batches.empty() ? "" : "batch " + claim.batches);
  add(claim.context_tokens ? fmt::format("{} tokens", *claim.context_tokens) : "");
  return text.empty() ? "no model named" : text;
}

}  // namespace

Row ledger_rows(std::span<const Finding> findings) {
  Row rows = Row::array();
  for (const Finding& finding : findings) rows.push_back(row_of(finding));
  return rows;
}

Row ledger_summary_rows(std::span<const Finding> findings) {
  Row rows = Row::array();
  for (const VerdictCount& count : count_verdicts(findings)) {
    Row row;
    row["document"] = count.document;
    row["kind"] = count.kind;
    row["claims"] = count.claims();
    for (const Verdict verdict : verdicts) row[key_of(verdict)] = count.of[static_cast<std::size_t>(verdict)];
    row["only_on_paper"] = count.only_on_paper;
    row["other_reading"] = count.other_reading;
    row["changed"] = count.changed;
    rows.push_back(row);
  }
  return rows;
}

std::string ledger_summary_table(std::span<const Finding> findings) {
  std::string text = fmt::format("{:<10} {:<14} {:>6}", "document", "kind", "claims");
  for (const Verdict verdict : verdicts) text += fmt::format(" {:>15}", verdict_name(verdict));
  text += fmt::format(" {:>13} {:>8} {:>8}\n", "only on paper", "reread", "changed");
  VerdictCount all, of_document;
  const auto counts = count_verdicts(findings);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    text += summary_line(counts[i].document, counts[i].kind, counts[i]);
    of_document.add(counts[i]);
    all.add(counts[i]);
    if (i + 1 == counts.size() || counts[i + 1].document != counts[i].document) {
      text += summary_line(counts[i].document, "all", of_document) + "\n";
      of_document = {};
    }
  }
  return text + summary_line("all", "all", all) +
         "\nonly on paper: the study's formula gives the number and the real architecture does not; reread: "
         "another verdict than a first reading of the documents had come to, with the argument in the "
         "reason; changed: another verdict than the recorded one; (!): a value that is not the printed one; "
         "SIM: "
         "from simulated times\n";
}

std::string ledger_claim_lines(std::span<const Finding> findings) {
  std::string text = fmt::format("{:<6} {:<30} {:>12} {:<8} {:>16} {:>16} {:>16}  {}\n", "id", "metric",
                                 "claimed", "unit", "study", "real", "measured", "verdict");
  for (const Finding& finding : findings) {
    const Claim& claim = finding.entry->claim;
    text += fmt::format(
        "{:<6} {:<30} {:>12} {:<8} {:>16} {:>16} {:>16}  {}{}\n", claim.id, claim.metric, claim.printed,
        claim.unit, answer_text(finding.of(Basis::study)), answer_text(finding.of(Basis::real)),
        answer_text(finding.of(Basis::measured)), verdict_name(finding.verdict),
        finding.is_changed() ? fmt::format(", recorded as {}", verdict_name(finding.entry->recorded)) : "");
  }
  return text + legend;
}

std::string ledger_claim_blocks(std::span<const Finding> findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const Entry& entry = *finding.entry;
    const Claim& claim = entry.claim;
    text +=
        fmt::format("{}  document {}, {}\n  of        {}\n  claimed   {} {} ({})\n", claim.id, claim.document,
                    claim.section, of_text(claim), claim.printed, claim.unit, claim.metric);
    for (const Basis basis : bases) {
      if (!finding.of(basis).asked) continue;
      text += fmt::format("  {:<9} {} = {}{}\n", basis_name(basis), entry.expression(basis),
                          answer_text(finding.of(basis)), entry.decides == basis ? "  <- decides" : "");
    }
    text +=
        fmt::format("  verdict   {}{}\n  reason    {}\n", verdict_name(finding.verdict),
                    finding.is_changed() ? fmt::format(", recorded as {}", verdict_name(entry.recorded)) : "",
                    entry.reason);
    if (!agrees_with_first_reading(entry))
      text += fmt::format("  reread    first read as {}\n", entry.first_reading);
    for (const std::string& id : finding.recordings) text += recording_line(find_recording(id));
    text += fmt::format("  command   {}\n\n", finding.command);
  }
  return text + legend;
}

}  // namespace prophet
