#include "runtime/base/whole_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

namespace prophet {
namespace {

class WholeFile : public ::testing::Test {
 protected:
  WholeFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("whole_file" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directory(folder_);
  }
  ~WholeFile() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string at(const char* name) const { return (folder_ / name).string(); }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  }

  std::filesystem::path folder_;
};

TEST_F(WholeFile, ReplacesARegularFileAndLeavesNothingElse) {
  EXPECT_TRUE(write_whole_file(at("a"), "first, and longer"));
  EXPECT_TRUE(write_whole_file(at("a"), "second"));
  EXPECT_EQ(read(at("a")), "second");
  EXPECT_EQ(files(), 1);
}

TEST_F(WholeFile, WhatCannotBeWrittenStaysAsItWas) {
  std::filesystem::create_directory(folder_ / "d");
  std::filesystem::create_directory(folder_ / "d" / "inside");
  EXPECT_FALSE(write_whole_file(at("d"), "text"));
  EXPECT_FALSE(write_whole_file(at("nowhere/a"), "text"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "d" / "inside"));
  EXPECT_EQ(files(), 1);
}

/// A program run by root would else put a regular file in the place of /dev/null.
TEST_F(WholeFile, ADeviceAPipeAndALinkAreWrittenThroughAndNotReplaced) {
  EXPECT_TRUE(is_written_through("/dev/null"));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  std::string heard;
  std::thread reader([&] { heard = read(at("pipe")); });
  EXPECT_TRUE(write_whole_file(at("pipe"), "through the pipe"));
  reader.join();
  EXPECT_EQ(heard, "through the pipe");
  EXPECT_TRUE(std::filesystem::is_fifo(folder_ / "pipe"));

  std::filesystem::create_symlink(folder_ / "target", folder_ / "link");
  EXPECT_TRUE(write_whole_file(at("link"), "through the link"));
  EXPECT_EQ(read(at("target")), "through the link");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_EQ(files(), 3);
}

}  // namespace
}  // namespace prophet
