#include "runtime/model/checkpoint.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/model/test_data.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace prophet {
namespace {

namespace fs = std::filesystem;
using test::refusal_of;
using ::testing::ElementsAre;
using testing::WrittenTensor;

/// A folder of its own, gone at the end.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest()
      : folder_(fs::path(::testing::TempDir()) /
                (std::string("prophet-checkpoint-") + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CheckpointTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) const {
    testing::write_bytes(folder_ / name, bytes);
  }
  void write_shard(const std::string& name, const std::vector<std::string>& tensors) const {
    std::vector<WrittenTensor> written;
    for (const auto& tensor : tensors) {
      written.push_back({tensor, TensorDtype::bf16, {2, 1}, std::vector<std::byte>(4, std::byte{1})});
    }
    write(name, testing::safetensors_bytes(written));
  }
  void write_index(const nlohmann::json& weight_map) const {
    write("model.safetensors.index.json",
          nlohmann::json{{"metadata", {}}, {"weight_map", weight_map}}.dump());
  }
  /// What opening the folder says, with "DIR" for the folder's path.
  [[nodiscard]] std::string said() const {
    auto sentence = refusal_of([&] { return Checkpoint(folder_).tensors(); });
    for (auto at = sentence.find(folder_.string()); at != sentence.npos;
         at = sentence.find(folder_.string())) {
      sentence.replace(at, folder_.string().size(), "DIR");
    }
    return sentence;
  }
  /// The same of an index with this text.
  [[nodiscard]] std::string said_of_index(const std::string& text) const {
    write("model.safetensors.index.json", text);
    return said();
  }
  [[nodiscard]] std::string said_of_shard_name(const std::string& name) const {
    write_index({{"a", name}});
    return said();
  }

  fs::path folder_;
};

TEST_F(CheckpointTest, OfOneFileIsRead) {
  write_shard("model.safetensors", {"b", "a"});
  const Checkpoint checkpoint(folder_);
  EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b"));
  ASSERT_TRUE(checkpoint.find("a"));
  EXPECT_EQ(checkpoint.find("a")->name, "a");
  EXPECT_THAT(checkpoint.find("a")->shape, ElementsAre(2, 1));
  EXPECT_EQ(checkpoint.value_bytes(), 8U);
  EXPECT_FALSE(checkpoint.find("c"));
  EXPECT_FALSE(checkpoint.find(""));
  EXPECT_THAT(refusal_of([&] { return checkpoint.at("c"); }),
              ::testing::EndsWith("has no tensor \"c\"; expected one"));
}

TEST_F(CheckpointTest, OfShardsIsRead) {
  write_shard("one.safetensors", {"b", "d"});
  write_shard("two.safetensors", {"a", "c"});
  write_index({{"a", "two.safetensors"},
               {"b", "one.safetensors"},
               {"c", "two.safetensors"},
               {"d", "one.safetensors"}});
  Checkpoint checkpoint(folder_);
  const auto a = checkpoint.at("a");
  const Checkpoint moved = std::move(checkpoint);
  EXPECT_THAT(moved.names(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(moved.at("a").bytes.data(), a.bytes.data());
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(moved.value_bytes(), 16U);
  EXPECT_TRUE(moved.notes().empty());
}

TEST_F(CheckpointTest, PrefersTheSingleFileAsTransformersDoes) {
  write_shard("model.safetensors", {"a"});
  write("model.safetensors.index.json", "not even JSON");
  EXPECT_THAT(Checkpoint(folder_).names(), ElementsAre("a"));
}

TEST_F(CheckpointTest, KeepsTensorsThatTheIndexDoesNotNameAndSaysSo) {
  write_shard("one.safetensors", {"a", "b", "c"});
  write_index({{"b", "one.safetensors"}});
  const Checkpoint checkpoint(folder_);
  EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b", "c"));
  ASSERT_EQ(checkpoint.notes().size(), 1U);
  EXPECT_THAT(
      checkpoint.notes()[0],
      ::testing::EndsWith("weight_map does not name 2 of the tensors that its shards hold, such as \"a\""));
}

TEST_F(CheckpointTest, MayBeMadeOfLinks) {
  write_shard("blob.safetensors", {"a"});
  fs::create_symlink("blob.safetensors", folder_ / "model.safetensors");
  EXPECT_EQ(Checkpoint(folder_).tensors(), 1U);
}

TEST_F(CheckpointTest, RefusesFoldersThatHoldNone) {
  EXPECT_EQ(said(), "'DIR': holds no checkpoint; expected model.safetensors or model.safetensors.index.json");
  fs::create_symlink("nowhere", folder_ / "model.safetensors");
  EXPECT_EQ(said(),
            "'DIR/model.safetensors': cannot be opened: No such file or directory; expected a readable file");
  fs::remove(folder_ / "model.safetensors");
  fs::create_directory(folder_ / "model.safetensors");
  EXPECT_EQ(said(), "'DIR/model.safetensors': is no regular file; expected one");
  fs::remove_all(folder_);
  EXPECT_EQ(said(), "'DIR': is no folder; expected one with a checkpoint");
}

TEST_F(CheckpointTest, RefusesIndexesThatAreNone) {
  EXPECT_EQ(said_of_index(""),
            "'DIR/model.safetensors.index.json': is not valid JSON at byte 0; expected a JSON object");
  EXPECT_EQ(said_of_index("[]"),
            "'DIR/model.safetensors.index.json': is an array; expected an object with weight_map");
  EXPECT_EQ(
      said_of_index("7"),
      "'DIR/model.safetensors.index.json': is another kind of number; expected an object with weight_map");
  EXPECT_EQ(said_of_index("{}"),
            "'DIR/model.safetensors.index.json': has no field weight_map; expected an object "
            "from tensors to shards");
  EXPECT_EQ(
      said_of_index(R"({"weight_map":{}})"),
      "'DIR/model.safetensors.index.json': weight_map is empty; expected an object from tensors to shards");
  EXPECT_EQ(said_of_index(R"({"weight_map":["a"]})"),
            "'DIR/model.safetensors.index.json': weight_map is an array; expected an object from tensors to "
            "shards");
  EXPECT_EQ(
      said_of_index(R"({"weight_map":null})"),
      "'DIR/model.safetensors.index.json': weight_map is null; expected an object from tensors to shards");
  EXPECT_EQ(said_of_index(R"({"weight_map":{},"weight_map":{}})"),
            "'DIR/model.safetensors.index.json': holds weight_map twice; expected it once");
  EXPECT_EQ(said_of_index(R"({"weight_map":{"a":1}})"),
            "'DIR/model.safetensors.index.json': weight_map gives another kind of number for tensor \"a\"; "
            "expected "
            "the name of a shard");
  EXPECT_EQ(said_of_index(R"({"weight_map":{"a":{}}})"),
            "'DIR/model.safetensors.index.json': weight_map gives an object for tensor \"a\"; expected the "
            "name of a "
            "shard");
  EXPECT_EQ(said_of_index(R"({"x":[1,{"y":2}],"weight_map":{"a":"s.safetensors","a":"s.safetensors"}})"),
            "'DIR/model.safetensors.index.json': weight_map names the tensor \"a\" twice; expected names "
            "that differ");
  EXPECT_EQ(said_of_index(std::string(100, '[')),
            "'DIR/model.safetensors.index.json': is nested deeper than 64 levels; expected a flat object");
}

TEST_F(CheckpointTest, RefusesAnIndexBeyondItsLimit) {
  write("model.safetensors.index.json", "{}");
  fs::resize_file(folder_ / "model.safetensors.index.json", (128ULL << 20) + 1);
  EXPECT_EQ(said(), "'DIR/model.safetensors.index.json': 134217729 bytes; expected at most 134217728");
}

TEST_F(CheckpointTest, NeverTakesAShardsNameForAPath) {
  write_shard("a.safetensors", {"a"});
  for (const auto& name :
       {std::string("/etc/a.safetensors"), std::string("../a.safetensors"), std::string("sub/a.safetensors"),
        std::string("..\\a.safetensors"), std::string("C:\\a.safetensors"), std::string("..a.safetensors"),
        std::string("a\0.safetensors", 14), std::string(".safetensors"), std::string("a.bin"),
        std::string()}) {
    EXPECT_EQ(said_of_shard_name(name),
              "'DIR/model.safetensors.index.json': weight_map gives the shard " +
                  nlohmann::json(name).dump() +
                  " for tensor \"a\"; expected the name of a .safetensors file beside the index");
  }
}

TEST_F(CheckpointTest, RefusesTooManyShards) {
  nlohmann::json weight_map;
  for (int i = 0; i <= 4096; ++i) weight_map[std::to_string(i)] = fmt::format("s{}.safetensors", i);
  write_index(weight_map);
  EXPECT_EQ(said(),
            "'DIR/model.safetensors.index.json': weight_map names more than 4096 shards; expected fewer");
}

TEST_F(CheckpointTest, RefusesShardsThatDoNotHoldWhatTheIndexSays) {
  write_index({{"a", "one.safetensors"}, {"b", "two.safetensors"}});
  EXPECT_EQ(said(),
            "'DIR/one.safetensors': cannot be opened: No such file or directory; expected a readable file");
  write_shard("one.safetensors", {"a"});
  write_shard("two.safetensors", {"x"});
  EXPECT_EQ(
      said(),
      "'DIR/model.safetensors.index.json': weight_map has the tensor \"b\" in 'two.safetensors', but it "
      "is in no shard; expected it there");
  write_shard("one.safetensors", {"a", "b"});
  EXPECT_EQ(
      said(),
      "'DIR/model.safetensors.index.json': weight_map has the tensor \"b\" in 'two.safetensors', but it "
      "is in 'one.safetensors'; expected it there");
  write_shard("two.safetensors", {"a", "b"});
  EXPECT_THAT(said(),
              ::testing::MatchesRegex(
                  "'DIR': tensor \"a\" is both in '(one|two).safetensors' and in '(one|two).safetensors'; "
                  "expected it in one file"));
  write("two.safetensors", "broken");
  EXPECT_EQ(said(), "'DIR/two.safetensors': holds 6 bytes; expected the 8 bytes of a header's length first");
}

std::string requirement_refusal(const Checkpoint& checkpoint, const std::vector<TensorRequirement>& needed) {
  auto sentence = refusal_of([&] {
    checkpoint.require(needed);
    return 0;
  });
  return sentence.substr(sentence.find(": ") == sentence.npos ? 0 : sentence.find(": ") + 2);
}

TEST_F(CheckpointTest, NamesAllThatIsMissingOrMisshapenAtOnce) {
  write_shard("model.safetensors", {"a", "b", "c"});
  const Checkpoint checkpoint(folder_);
  const std::vector<TensorDtype> floats{TensorDtype::bf16, TensorDtype::f32};
  EXPECT_EQ(requirement_refusal(checkpoint, {{"a", {2, 1}, floats}, {"b", {2, 1}, {}}}),
            "(nothing was refused)");
  EXPECT_EQ(
      requirement_refusal(checkpoint, {{"a", {1, 2}, floats},
                                       {"b", {2, 1}, {TensorDtype::f32, TensorDtype::f16}},
                                       {"c", {2, 1}, floats},
                                       {"d", {}, floats},
                                       {"e", {7}, floats}}),
      "4 of the 5 tensors that the model needs do not fit: \"a\" has the shape [2, 1] (expected [1, 2]), "
      "\"b\" "
      "has the dtype BF16 (expected F32 or F16), \"d\" is missing (expected []), \"e\" is missing (expected "
      "[7])");
}

TEST_F(CheckpointTest, NamesTwentyAndSaysHowManyMore) {
  write_shard("model.safetensors", {"a"});
  std::vector<TensorRequirement> needed;
  for (int i = 0; i < 25; ++i) needed.push_back({std::string("t") + std::to_string(i), {1}, {}});
  const auto sentence = requirement_refusal(Checkpoint(folder_), needed);
  EXPECT_THAT(sentence, ::testing::StartsWith("25 of the 25 tensors"));
  EXPECT_THAT(sentence, ::testing::EndsWith("\"t19\" is missing (expected [1]), and 5 more"));
}

}  // namespace
}  // namespace prophet
