#include "bench/csv/csv_table.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"

namespace prophet {
namespace {

std::string refusal(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(CsvTable, FieldsAreThoseOfTheNamedColumns) {
  const CsvTable table("t.csv", "id,text\n1,plain\n2,\"a, \"\"quoted\"\" one\"\r\n3,\n");
  ASSERT_EQ(table.rows().size(), 3U);
  EXPECT_EQ(table.field(table.rows()[0], "text"), "plain");
  EXPECT_EQ(table.field(table.rows()[1], "text"), "a, \"quoted\" one");
  EXPECT_EQ(table.field(table.rows()[2], "text"), "");
  EXPECT_EQ(table.where(table.rows()[2]), "t.csv line 4");
}

TEST(CsvTable, AFieldMayHoldLines) {
  const CsvTable table("t.csv", "id,text\n1,\"two\nlines\"\n2,x");
  ASSERT_EQ(table.rows().size(), 2U);
  EXPECT_EQ(table.field(table.rows()[0], "text"), "two\nlines");
  EXPECT_EQ(table.where(table.rows()[1]), "t.csv line 4");
}

TEST(CsvTable, WhatIsNoTableIsRefusedWithFileAndLine) {
  EXPECT_NE(refusal([] { CsvTable("t.csv", ""); }).find("t.csv is empty"), std::string::npos);
  EXPECT_NE(
      refusal([] { CsvTable("t.csv", "a,b\n1,2\n3\n"); }).find("t.csv line 3: 1 fields, expected the 2"),
      std::string::npos);
  EXPECT_NE(refusal([] { CsvTable("t.csv", "a,b\n1,x\"y\n"); }).find("line 2"), std::string::npos);
  EXPECT_NE(refusal([] { CsvTable("t.csv", "a,b\n1,\"open\n"); }).find("closing quote"), std::string::npos);
}

TEST(CsvTable, NumbersAreFiniteAndWholeToTheirEnd) {
  const CsvTable table("t.csv", "n\n1.5\n\"\"\n12x\nnan\n-1\n4000000000\n");
  EXPECT_EQ(table.number(table.rows()[0], "n"), 1.5);
  EXPECT_EQ(table.number(table.rows()[1], "n"), std::nullopt);
  EXPECT_EQ(refusal([&] { static_cast<void>(table.number(table.rows()[2], "n")); }),
            "t.csv line 4, n: '12x', expected a number");
  EXPECT_NE(refusal([&] { static_cast<void>(table.number(table.rows()[3], "n")); }), "");
  for (const std::size_t row : {0U, 4U, 5U})
    EXPECT_NE(refusal([&] { static_cast<void>(table.count(table.rows()[row], "n", 1000)); }), "");
}

TEST(CsvTable, AMissingColumnIsNamed) {
  const CsvTable table("t.csv", "id,text\n");
  table.require_columns({"id", "text"});
  EXPECT_EQ(refusal([&] {
              table.require_columns({"id", "reason"});
            }),
            "t.csv line 1: no column 'reason', expected one beside id, text");
}

}  // namespace
}  // namespace prophet
