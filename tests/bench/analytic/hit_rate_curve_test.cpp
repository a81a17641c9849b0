// Hit rates of a trace, read from what `prophet curve` writes.
#include "bench/analytic/hit_rate_curve.hpp"

#include <gtest/gtest.h>

#include "tests/model/test_data.hpp"

namespace prophet::analytic {
namespace {

using test::refusal_of;

constexpr const char* table =
    "policy,is_bound,slabs,requests,hits,hit_rate\n"
    "lru,false,10,100,20,0.2\n"
    "belady,true,10,100,90,0.9\n"
    "lru,false,20,100,60,0.6\n"
    "lru,false,40,100,100,1\n";

TEST(HitRateCurve, IsStraightBetweenItsPointsAndFromNothing) {
  const HitRateCurve curve = parse_hit_rate_curve(table, "curve.csv");
  EXPECT_DOUBLE_EQ(curve.at(0), 0);
  EXPECT_DOUBLE_EQ(curve.at(0.125), 0.1);
  EXPECT_DOUBLE_EQ(curve.at(0.25), 0.2);
  EXPECT_DOUBLE_EQ(curve.at(0.375), 0.4);
  EXPECT_DOUBLE_EQ(curve.at(0.75), 0.8);
  EXPECT_DOUBLE_EQ(curve.at(1), 1);
}

TEST(HitRateCurve, WhatIsNoneIsRefusedWithFileLineAndField) {
  const auto refusal = [](const char* text) {
    return refusal_of([&] { return parse_hit_rate_curve(text, "c.csv"); });
  };
  EXPECT_EQ(refusal(""), "'c.csv': line 1: no column 'policy', expected what `prophet curve --csv` writes");
  EXPECT_EQ(refusal("policy,slabs,hit_rate\n"),
            "'c.csv': line 2: no row of policy 'lru', expected one for each cache size");
  EXPECT_EQ(refusal("policy,slabs,hit_rate\nlru,1\n"), "'c.csv': line 2: 2 fields, expected 3");
  EXPECT_EQ(refusal("policy,slabs,hit_rate\nlru,1,1.5\n"),
            "'c.csv': line 2: hit_rate '1.5', expected a number from 0 to 1");
  EXPECT_EQ(refusal("policy,slabs,hit_rate\nlru,1,nan\n"),
            "'c.csv': line 2: hit_rate 'nan', expected a number from 0 to 1");
  EXPECT_EQ(refusal("policy,slabs,hit_rate\nlru,5,0.1\nlru,5,0.2\n"),
            "'c.csv': line 3: slabs '5', expected more than in the row above");
}

}  // namespace
}  // namespace prophet::analytic
