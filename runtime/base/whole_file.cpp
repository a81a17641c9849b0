#include "runtime/base/whole_file.hpp"

#include <filesystem>
#include <fstream>

namespace prophet {
namespace {

bool write_to(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  return file.good();
}

}  // namespace

bool is_written_through(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::symlink_status(path, ignored);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

bool write_whole_file(const std::string& path, std::string_view text) {
  if (is_written_through(path)) return write_to(path, text);
  const std::string partial = path + ".partial";
  std::error_code failure;
  if (write_to(partial, text)) {
    std::filesystem::rename(partial, path, failure);
    if (!failure) return true;
  }
  std::filesystem::remove(partial, failure);
  return false;
}

}  // namespace prophet
