#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/page/csv_text.hpp"
#include "bench/page/figures.hpp"
#include "bench/page/report_page.hpp"
#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"
#include "prophet/error.hpp"

namespace prophet::page {
namespace {

using testing::HasSubstr;

class ResultPage : public testing::Test {
 protected:
  ResultPage() { std::filesystem::create_directories(folder_); }
  ~ResultPage() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string write(const std::string& name, const Json& document) { return write(name, document.dump()); }

  Result result_of(const Json& document) { return read_result(write("result.json", document)); }

  static std::string refusal_of(const std::string& path) {
    try {
      static_cast<void>(read_result(path));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      return error.what();
    }
    return "not refused";
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      fmt::format("page_test_{}", testing::UnitTest::GetInstance()->current_test_info()->name());
};

Json document_of(Json rows, const char* command = "replay") {
  return {{"schema_version", 1},
          {"provenance", {{"argv", {"/opt/bin/prophet", command, "--seed", "1"}}, {"version", "0.1.0"}}},
          {"rows", std::move(rows)}};
}

Json replay_row() {
  return {{"policy", "lru"},
          {"predictor", "transition"},
          {"batch", 1},
          {"slabs", 96},
          {"staging_slabs", 8},
          {"steps", 10},
          {"requests", 1000},
          {"prefill_requests", 200},
          {"hit_on_time", 500},
          {"prefill_hit_on_time", 100},
          {"hit_late", 80},
          {"prefill_hit_late", 0},
          {"miss", 420},
          {"prefill_miss", 100},
          {"computed_on_host", 0},
          {"read_in_place", 0},
          {"bytes_demand", 50000000},
          {"prefill_bytes_demand", 10000000},
          {"bytes_fill", 0},
          {"bytes_prefetch_useful", 20000000},
          {"bytes_prefetch_late", 5000000},
          {"bytes_prefetch_wasted", 8000000},
          {"bytes_prefetch_cancelled", 2000000},
          {"stall_ns", 70000000},
          {"prefill_stall_ns", 20000000},
          {"step_ns_p50", 6000000},
          {"step_ns_p99", 9000000},
          {"step_ns_mean", 6500000},
          {"bound_ns", 3250000},
          {"tokens_per_s", 153.8},
          {"is_baseline", false},
          {"is_bound", false},
          {"simulated", true}};
}

/// The text at a heading of a table's first row.
std::string text_under(const Table& table, const std::string& heading) {
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (table.columns[c].heading == heading) return table.rows.front()[c].text;
  return "no such column";
}

const Table& first_table(const Section& section) {
  for (const Block& block : section.blocks)
    if (const auto* table = std::get_if<Table>(&block)) return *table;
  throw std::runtime_error("no table");
}

TEST_F(ResultPage, HitsAndStallAreThoseOfDecodeSteps) {
  const Result result = result_of(document_of(Json::array({replay_row()})));
  Section section;
  add_replay(section, result);
  const Table& table = first_table(section);
  EXPECT_EQ(text_under(table, "hit"), "50.00");   // 400 of 800
  EXPECT_EQ(text_under(table, "late"), "10.00");  // 80 of 800
  EXPECT_EQ(text_under(table, "miss"), "40.00");
  EXPECT_EQ(text_under(table, "on demand"), "4.00");
  EXPECT_EQ(text_under(table, "stall"), "5.000");
  EXPECT_EQ(text_under(table, "x bound"), "2.00");
}

TEST_F(ResultPage, UsefulLateAndWastedBytesStandBesideTheHits) {
  const Result result = result_of(document_of(Json::array({replay_row()})));
  Section section;
  add_replay(section, result);
  const Table& table = first_table(section);
  EXPECT_EQ(text_under(table, "prefetched, useful"), "2.00");
  EXPECT_EQ(text_under(table, "of that late"), "0.50");
  EXPECT_EQ(text_under(table, "prefetched, wasted"), "1.00");  // wasted and cancelled
}

TEST_F(ResultPage, SimulatedFiguresAreCalledSo) {
  const Result result = result_of(document_of(Json::array({replay_row()})));
  EXPECT_EQ(standing(result), "SIMULATED");
  EXPECT_EQ(text_under(first_table(runs_section(std::vector{result})), "figures are"), "SIMULATED");
  Json measured = document_of(Json::array({replay_row()}));
  measured["rows"][0]["simulated"] = false;
  measured["provenance"]["device"] = "cpu";
  EXPECT_EQ(standing(result_of(measured)), "measured on the device");
  measured["provenance"]["measured"] = false;
  EXPECT_EQ(standing(result_of(measured)), "arithmetic, nothing measured");
  measured["provenance"].erase("measured");
  measured["provenance"]["times_mean_something"] = false;
  EXPECT_EQ(standing(result_of(measured)), "counts only: no times");
}

TEST_F(ResultPage, EachKindSaysInShortWhatItFound) {
  Json resident = replay_row();
  resident["policy"] = "all-resident";
  resident["is_baseline"] = true;
  resident["step_ns_mean"] = 500000;
  Json document = document_of(Json::array({replay_row(), resident}));
  document["provenance"]["layers"] = 6;
  document["provenance"]["experts"] = 64;
  EXPECT_EQ(
      replay_answer(result_of(document)),
      "lru + transition with 96 + 8 slabs (27.1 % of the experts), batch 1: hit 50.00 %, late 10.00 %, miss "
      "40.00 %; a step takes 6.500 ms, 5.000 of them stall; all resident 0.500 ms.");
  const Json cells = {
      {{"tokens", 100}, {"resident_tokens", 100}, {"outcome", nullptr}, {"extension", nullptr}},
      {{"tokens", 150},
       {"resident_tokens", 100},
       {"outcome", "ratio"},
       {"extension", 1.5},
       {"cache_slabs", 10},
       {"staging_slabs", 2},
       {"slab_fraction", 0.25}}};
  EXPECT_EQ(
      headroom_answer(result_of(document_of(cells, "headroom"))),
      "10 + 2 slabs, 25.0 % of the experts, leave room for 150 tokens: 1.500 times the 100 of all resident.");
}

TEST_F(ResultPage, TheCommandIsWrittenAsAShellTakesIt) {
  Json document = document_of(Json::array({replay_row()}));
  document["provenance"]["argv"].push_back("two words");
  EXPECT_EQ(command_text(result_of(document).provenance().at("argv")), "prophet replay --seed 1 'two words'");
}

TEST_F(ResultPage, AKindWithoutASectionGetsATableOfItsRows) {
  const Result result =
      result_of(document_of({{{"way", "pinned"}, {"x", 1.5}}, {{"x", nullptr}, {"y", true}}}, "new"));
  const std::vector<Section> sections = result_sections(std::vector{result});
  ASSERT_EQ(sections.size(), 1U);
  EXPECT_EQ(sections[0].title, "Other results");
  const Table& table = first_table(sections[0]);
  ASSERT_EQ(table.columns.size(), 3U);
  EXPECT_EQ(table.columns[1].heading, "x");
  EXPECT_EQ(table.columns[1].kind, ColumnKind::number);
  EXPECT_EQ(table.rows[0][1].text, "1.5");
  EXPECT_EQ(table.rows[1][1].text, "");
  EXPECT_EQ(table.rows[1][2].text, "yes");
}

TEST(ResultTable, ListsAreShortOrCounted) {
  EXPECT_EQ(plain_cell(Json{1, 2.5, nullptr, "x"}).text, "1, 2.5, , x");
  EXPECT_EQ(plain_cell(Json{{"tokens", 4}, {"hidden", 8}}).text, "tokens 4, hidden 8");
  EXPECT_EQ(plain_cell(Json{{{"a", 1}}, {{"a", 2}}}).text, "2 entries");
  EXPECT_EQ(plain_cell(Json(std::vector<int>(100, 1))).text, "100 entries");
}

TEST_F(ResultPage, AVerdictThatDiffersFromTheRecordedOneSaysSo) {
  const auto claim = [](const char* verdict) {
    return Json{{"id", "C1"},
                {"claimed", 1},
                {"reason", "r"},
                {"verdict", verdict},
                {"recorded_verdict", "reproduced"},
                {"measured", 2.5},
                {"measured_simulated", true}};
  };
  Json document = document_of(Json::array(), "validate");
  document["claims"] = {claim("reproduced"), claim("contradicted")};
  Section section;
  add_ledger(section, result_of(document));
  EXPECT_EQ(std::get<Paragraph>(section.blocks[0]).text, "1 of 2 verdicts DIFFER from the recorded ones.");
  const Table& table = first_table(section);
  EXPECT_EQ(text_under(table, "verdict"), "reproduced");
  EXPECT_EQ(table.rows[1][1].text, "contradicted, recorded as reproduced");
  EXPECT_EQ(text_under(table, "measured"), "2.5 SIMULATED");
}

TEST_F(ResultPage, ValuesOfAnotherTypeThanExpectedAreShownAndNotSorted) {
  Json row = replay_row();
  row["step_ns_p50"] = "soon";
  row["stall_ns"] = nullptr;
  const Result result = result_of(document_of(Json::array({row})));
  Section section;
  add_replay(section, result);
  EXPECT_EQ(text_under(first_table(section), "step p50"), "soon");
  EXPECT_EQ(text_under(first_table(section), "stall"), "");
}

TEST_F(ResultPage, WhatIsNoResultIsRefusedInOneSentence) {
  EXPECT_THAT(refusal_of((folder_ / "missing.json").string()),
              HasSubstr("missing.json': no such file; expected"));
  EXPECT_THAT(refusal_of(write("a.json", std::string("hits\n"))),
              HasSubstr("is no JSON at byte 1, expected a result"));
  EXPECT_THAT(refusal_of(write("a.json", std::string("[1]"))),
              HasSubstr("is a JSON array, expected a result"));
  EXPECT_THAT(refusal_of(write("a.json", Json::object())), HasSubstr("no provenance, expected a result"));
  EXPECT_THAT(refusal_of(write("a.json", std::string(100, '[') + std::string(100, ']'))),
              HasSubstr("nested deeper than 64 levels, expected a result"));
  EXPECT_THAT(refusal_of(write("a.json", std::string("{\"x\": 1e999}"))),
              HasSubstr("number that is out of range"));
  Json document = document_of(Json::array());
  EXPECT_THAT(refusal_of(write("a.json", document)), HasSubstr("rows is empty, expected at least one"));
  document["rows"] = {1, 2};
  EXPECT_THAT(refusal_of(write("a.json", document)),
              HasSubstr("rows is no list of objects, expected a result"));
  document.erase("rows");
  EXPECT_THAT(refusal_of(write("a.json", document)),
              HasSubstr("neither rows nor claims, expected a kind of result"));
  document = document_of({{{"x", 1}}});
  document["schema_version"] = 2;
  EXPECT_THAT(refusal_of(write("a.json", document)), HasSubstr("schema_version 2, expected 1"));
  document = document_of({{{"x", 1}}});
  document["provenance"]["argv"] = "prophet";
  EXPECT_THAT(refusal_of(write("a.json", document)), HasSubstr("no command line in provenance.argv"));
}

TEST_F(ResultPage, TheSameBytesTwiceAreShownOnceAndTold) {
  const std::string a = write("a.json", document_of({{{"x", 1}}}));
  const std::string b = write("b.json", document_of({{{"x", 1}}}));
  const Results read = read_results({a, b, a});
  EXPECT_EQ(read.results.size(), 1U);
  ASSERT_EQ(read.remarks.size(), 2U);
  EXPECT_EQ(read.remarks[0], a + " is shown once: " + b + " holds the same.");
  const Page page = report_page(read, "", {{"argv", {"prophet", "report"}}});
  EXPECT_THAT(page.lead, testing::Contains(read.remarks[0]));
}

TEST_F(ResultPage, TwoFilesOfOneNameAreNamedByTheirPaths) {
  std::filesystem::create_directories(folder_ / "b");
  const std::string a = write("r.json", document_of({{{"x", 1}}}));
  const std::string b = write("b/r.json", document_of({{{"x", 2}}}));
  const Results read = read_results({a, b});
  EXPECT_EQ(read.results[0].name, a);
  EXPECT_EQ(read.results[1].name, b);
}

TEST_F(ResultPage, EachPictureHasItsNumbersBesideIt) {
  write("hits_by_size.svg", std::string("<svg/>"));
  write("hits_by_size.csv", std::string("# command: prophet curve\nslabs,hit\n1,\"0,5\"\n2,0.25\n"));
  write("stall.svg", std::string("<svg/>"));
  write("stall.json", Json{{"traceEvents", {{{"ts", 1}}, {{"ts", 2}}}}});
  write("zoo.svg", std::string("<svg/>"));
  const Section section = figures_section(folder_);
  const auto count = [&](auto is) { return std::count_if(section.blocks.begin(), section.blocks.end(), is); };
  EXPECT_EQ(count([](const Block& block) { return std::holds_alternative<Figure>(block); }), 3);
  EXPECT_EQ(count([](const Block& block) { return std::holds_alternative<Table>(block); }), 2);
  EXPECT_EQ(count([](const Block& block) { return std::holds_alternative<Download>(block); }), 2);
  const Table& hits = first_table(section);
  EXPECT_EQ(hits.rows[0][1].text, "0,5");
  EXPECT_EQ(hits.rows[1][1].number, 0.25);
  EXPECT_EQ(std::get<Figure>(section.blocks[1]).caption, "command: prophet curve");
  EXPECT_THAT(std::get<Paragraph>(section.blocks.back()).text, HasSubstr("No file with its numbers"));
}

TEST_F(ResultPage, APictureThatIsNoneIsRefused) {
  const auto refused = [&](const std::string& part) {
    try {
      static_cast<void>(figures_section(folder_));
      ADD_FAILURE() << "not refused: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  };
  refused("has no picture, expected at least one NAME.svg");
  write("a.svg", std::string("hello"));
  refused("a.svg': holds no <svg> element, expected a picture");
  write("a.svg", std::string("<svg/>"));
  write("a.json", std::string("{\"x\": 1}"));
  refused("a.json': has no list of rows, expected the numbers");
  write("a.json", std::string(100, '[') + std::string(100, ']'));
  refused("a.json': nested deeper than 64 levels");
  write("a.csv", std::string("x,y\n1\n"));
  refused("a.csv' line 2: 1 fields, expected the 2");
}

}  // namespace
}  // namespace prophet::page
