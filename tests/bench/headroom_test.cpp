// Headroom counted by allocating, beside the arithmetic that must come to the same.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <iostream>
#include <random>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/headroom/device_room.hpp"
#include "bench/headroom/study_grid.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet {
namespace {

/// A new seed each run, printed; PROPHET_SEED repeats one.
std::uint64_t fresh_seed() {
  const char* const given = std::getenv("PROPHET_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

int rounds(int usual) {
  const char* const scale = std::getenv("PROPHET_TEST_SCALE");
  return scale == nullptr ? usual : std::max(1, static_cast<int>(usual * std::strtod(scale, nullptr)));
}

/// All of the device is in one term or another.
void expect_that_terms_add_up(const HeadroomTerms& t) {
  const std::uint64_t slabs = std::uint64_t{t.cache_slabs} + t.staging_slabs;
  EXPECT_EQ(t.room.total_bytes, t.room.context_bytes + t.room.reserve_bytes + t.weights_bytes +
                                    t.predictor_bytes + t.workspace_bytes + t.block_table_bytes +
                                    slabs * t.slab_bytes + t.pages * t.page_bytes + t.lent_waste_bytes +
                                    t.rest_bytes);
  EXPECT_EQ(t.slabs, slabs + t.lent_slabs);
  EXPECT_LE(t.used_pages, t.pages);
}

void expect_same(const HeadroomCell& cell) {
  const HeadroomTerms& m = cell.measured;
  const HeadroomTerms& a = cell.analytic;
  ASSERT_EQ(m.placed(), a.placed());
  EXPECT_EQ(m.missing_bytes, a.missing_bytes);
  EXPECT_EQ(m.slabs, a.slabs);
  EXPECT_EQ(m.lent_slabs, a.lent_slabs);
  EXPECT_EQ(m.pages, a.pages);
  EXPECT_EQ(m.state_pages, a.state_pages);
  EXPECT_EQ(m.used_pages, a.used_pages);
  EXPECT_EQ(m.tokens, a.tokens);
  EXPECT_EQ(m.context_tokens, a.context_tokens);
  EXPECT_EQ(m.rest_bytes, a.rest_bytes);
  EXPECT_EQ(m.lent_waste_bytes, a.lent_waste_bytes);
  if (m.placed()) expect_that_terms_add_up(m);
}

TEST(Headroom, ArithmeticAndAllocationAgreeInAllCellsOfTheStudy) {
  QuestionOptions options;
  const auto cells = run_study_grid(options, true, [](const ModelShape& model, std::uint32_t batch) {
    return study_slabs(model.grid, model.top_k, batch);
  });
  ASSERT_EQ(cells.size(), 384U);
  std::uint32_t fitting = 0;
  for (const StudyCell& cell : cells) {
    SCOPED_TRACE(cell.cached.question.model.name + " " + cell.gpu + " batch " +
                 std::to_string(cell.cached.question.batch));
    for (const HeadroomCell* const side : {&cell.all_resident, &cell.cached}) {
      EXPECT_LE(error_of(side->analytic.tokens, side->measured.tokens), 0.005);
      EXPECT_LE(side->measured.lent_waste_fraction(), 0.01);
      expect_same(*side);
      fitting += side->measured.fits() ? 1 : 0;
    }
  }
  EXPECT_GT(fitting, 100U);
}

TEST(Headroom, TheStudysLawKeepsWholeExpertsOfEveryLayer) {
  EXPECT_EQ(study_slabs({32, 8}, 2, 4), 32U * 8);  // 7.28
  EXPECT_EQ(study_slabs({16, 64}, 8, 1), 16U * 8);
  EXPECT_EQ(study_slabs({12, 128}, 1, 64), 12U * 49);  // 48.24
}

ModelShape sample() {
  return load_model(std::string(PROPHET_SOURCE_DIR) + "/data/sample_model");
}

TEST(Headroom, OnTheCpuEveryPageIsCountedWrittenAndReadBack) {
  const auto device = open_with_budget("cpu", 24 << 20);
  const DeviceRoom room = room_of(*device);
  EXPECT_EQ(room.usable_bytes, 24U << 20);
  for (const std::uint32_t slabs : {384U, 96U, 1U}) {
    for (const std::uint32_t batch : {1U, 7U}) {
      const HeadroomQuestion question = make_question(sample(), slabs, batch, {});
      const HeadroomCell cell = answer_headroom(*device, "cpu", room, question, {true, fresh_seed()});
      expect_same(cell);
      if (!cell.measured.placed()) continue;
      ASSERT_TRUE(cell.proof);
      EXPECT_TRUE(cell.proof->compared);
      EXPECT_EQ(cell.proof->pages, cell.measured.used_pages);
    }
  }
}

TEST(Headroom, NothingStaysAllocated) {
  const auto device = open_with_budget("cpu", 16 << 20);
  const HeadroomQuestion question = make_question(sample(), 96, 2, {});
  static_cast<void>(answer_headroom(*device, "cpu", room_of(*device), question, {true, 1}));
  EXPECT_NO_THROW(Buffer(*device, MemoryKind::device, 16 << 20));
}

ModelShape random_model(std::mt19937_64& random) {
  const auto from = [&](std::uint32_t least, std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(least, most)(random);
  };
  ModelShape model;
  model.name = "random";
  model.grid = {from(1, 6), from(2, 16)};
  model.top_k = from(1, 2);
  model.hidden_size = 16 * from(1, 8);
  model.expert_width = 16 * from(4, 40);
  model.non_expert_params = from(0, 100000);
  model.context_tokens = from(1, 5000);
  model.vocab_size = from(0, 1000);
  model.query_values = from(0, 300);
  model.ffn_width = from(0, 1) * from(1, 300);
  const bool latent = from(0, 4) == 0;
  if (latent) model.kv.push_back({KvKind::latent, from(1, 6), 0, 0, from(1, 64), from(0, 16), 0});
  if (!latent && from(0, 4) != 0)
    model.kv.push_back({KvKind::grouped_query, from(1, 6), from(1, 4), from(1, 32), 0, 0, 0});
  if (model.kv.empty() || from(0, 1) == 0)
    model.kv.push_back({KvKind::sliding_window, from(1, 6), from(1, 4), from(1, 32), 0, 0, from(1, 300)});
  if (from(0, 2) == 0) {
    model.kv.push_back({KvKind::none, from(1, 6), 0, 0, 0, 0, 0});
    model.recurrent_state_values = from(1, 5000);
  }
  return model;
}

TEST(Headroom, ArithmeticAndAllocationAgreeForModelsThatNobodyMade) {
  std::mt19937_64 random(fresh_seed());
  GpuProfile profile = load_gpu_profile("h200");
  std::uint32_t fitting = 0;
  for (int i = 0; i < rounds(400); ++i) {
    SCOPED_TRACE(i);
    const ModelShape model = random_model(random);
    profile.memory_bytes = std::uniform_int_distribution<std::uint64_t>(100'000, 16'000'000)(random);
    const auto device = make_sim_device(profile, {});
    const auto slabs = std::uniform_int_distribution<std::uint32_t>(1, model.grid.size())(random);
    const auto batch = std::uniform_int_distribution<std::uint32_t>(1, 9)(random);
    QuestionOptions options;
    options.step_tokens = 8;
    options.page_tokens = 1U << std::uniform_int_distribution<std::uint32_t>(0, 3)(random);
    const HeadroomQuestion question = make_question(model, slabs, batch, options);
    const HeadroomCell cell = answer_headroom(*device, "sim", room_of(*device), question, {false, 1});
    expect_same(cell);
    fitting += cell.measured.fits() ? 1 : 0;
    if (HasFailure()) return;
  }
  EXPECT_GT(fitting, 0U);
}

class PageProofOnCpu : public ::testing::Test {
 protected:
  std::unique_ptr<Device> device_ = make_cpu_device({1 << 20, 0});
  Buffer arena_{*device_, MemoryKind::device, 10 * 4160};
  kernels::PageGrid grid_{4160, 4, 1024};  // 64 bytes of each slab belong to no page
};

TEST_F(PageProofOnCpu, PagesInAnyOrderHoldWhatWasWritten) {
  const std::vector<std::uint32_t> pages = {39, 0, 1, 2, 3, 4, 17, 5, 38};
  const PageProof proof = prove_pages(*device_, arena_.view(), grid_, pages, 7);
  EXPECT_TRUE(proof.compared);
  EXPECT_EQ(proof.pages, 9U);
  EXPECT_EQ(proof.bytes, 9U * 1024);
  EXPECT_EQ(prove_pages(*device_, arena_.view(), grid_, {}, 7).pages, 0U);
}

TEST_F(PageProofOnCpu, APageThatTwoSequencesHoldIsFound) {
  const std::vector<std::uint32_t> pages = {5, 6, 7, 5};
  try {
    static_cast<void>(prove_pages(*device_, arena_.view(), grid_, pages, 7));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed);
    EXPECT_NE(std::string(error.what()).find("KV page 5"), std::string::npos) << error.what();
  }
}

TEST_F(PageProofOnCpu, PagesThatOverlapAreFound) {
  kernels::PageGrid overlapping = grid_;
  overlapping.slab_bytes = 4096 - 512;  // slabs begin inside the last page of the one before
  overlapping.pages_per_slab = 3;
  overlapping.page_bytes = 1024;
  const std::vector<std::uint32_t> sound = {0, 1, 2, 3, 4, 5};
  EXPECT_TRUE(prove_pages(*device_, arena_.view(), overlapping, sound, 7).compared);
  overlapping.pages_per_slab = 4;
  EXPECT_THROW(static_cast<void>(prove_pages(*device_, arena_.view(), overlapping, sound, 7)), Error);
}

HeadroomCell cell_with(std::uint64_t tokens, std::uint64_t missing) {
  HeadroomCell cell;
  cell.measured.tokens = tokens;
  cell.measured.context_tokens = tokens;
  cell.measured.missing_bytes = missing;
  return cell;
}

TEST(Outcomes, AreNeverASilentZero) {
  const HeadroomCell none = cell_with(0, 100);
  const HeadroomCell full = cell_with(0, 0);
  const HeadroomCell some = cell_with(100, 0);
  const HeadroomCell more = cell_with(250, 0);
  EXPECT_EQ(extension_of(none, full, 0).outcome, HeadroomOutcome::neither);
  EXPECT_EQ(extension_of(full, none, 0).outcome, HeadroomOutcome::neither);
  EXPECT_EQ(extension_of(none, some, 0).outcome, HeadroomOutcome::enabled);
  EXPECT_EQ(extension_of(full, some, 0).outcome, HeadroomOutcome::enabled);
  EXPECT_EQ(extension_of(some, none, 0).outcome, HeadroomOutcome::resident_only);
  EXPECT_EQ(extension_of(some, more, 0).outcome, HeadroomOutcome::ratio);
  EXPECT_DOUBLE_EQ(extension_of(some, more, 0).ratio, 2.5);
  EXPECT_EQ(extension_of(some, more, 101).outcome, HeadroomOutcome::enabled);
  EXPECT_EQ(extension_of(some, more, 251).outcome, HeadroomOutcome::neither);
}

void expect_refused(const ModelShape& model, std::uint32_t slabs, const QuestionOptions& options,
                    const std::string& part) {
  try {
    static_cast<void>(make_question(model, slabs, 1, options));
    ADD_FAILURE() << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Questions, ThatNoModelCanAnswerAreRefused) {
  const ModelShape model = load_model("olmoe-1b-7b");
  expect_refused(model, 0, {}, "--slabs 0: expected 1 to 1024");
  expect_refused(model, 1025, {}, "--slabs 1025");
  QuestionOptions options;
  options.page_tokens = 24;
  expect_refused(model, 8, options, "--page-tokens 24: expected a power of two");
  options.page_tokens = 2048;
  expect_refused(model, 8, options, "larger than a slab of 12582912, expected at most 1024");
  options = {};
  options.kv_dtype = Dtype::int4;
  expect_refused(model, 8, options, "KV dtype int4");
  options.kv_dtype = Dtype::int8;
  expect_refused(load_model("deepseek-v3"), 8, options, "latent cache, expected bf16 or fp16");
}

TEST(Questions, GetAPageSizeThatWastesLittle) {
  for (const std::string& name : catalogue_names()) {
    const ModelShape model = load_model(name);
    QuestionOptions options;
    options.expert_dtype = model.expert_dtype;
    const HeadroomQuestion question = make_question(model, model.grid.size(), 1, options);
    EXPECT_TRUE(std::has_single_bit(question.page_tokens)) << name;
    DeviceRoom room;
    room.total_bytes = room.usable_bytes = 1ULL << 42;
    EXPECT_LE(analytic::headroom(question, room).lent_waste_fraction(), 0.01) << name;
    EXPECT_EQ(question.staging_slabs, 0U);
    EXPECT_EQ(question.predictor_bytes, 0U);
  }
}

}  // namespace
}  // namespace prophet
