#include "runtime/trace/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/base/whole_file.hpp"

namespace prophet {
namespace {

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  std::random_device random;
  auto name = path;
  return name.replace_filename(
      fmt::format(".{}.{:08x}{:08x}.tmp", path.filename().string(), random(), random()));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  if (!path_.has_filename() || std::filesystem::is_directory(path_, ignored)) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: is a directory: expected the name of a file to write", path_.string()));
  }
  if (is_written_through(path_.string())) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: is no regular file: expected one, or a name at which nothing stands",
                            path_.string()));
  }
  temporary_ = temporary_beside(path_);
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) refuse("cannot be created");
}

AtomicFile::~AtomicFile() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  const auto offset = size_bytes_;
  size_bytes_ += bytes.size();
  write_at(offset, bytes);
}

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto wrote = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) refuse("cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0) refuse("cannot be made durable");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) refuse("cannot be renamed into place");
  ::close(std::exchange(file_, -1));
}

void AtomicFile::refuse(const char* what) const {
  throw Error(ErrorCode::bad_input, fmt::format("{}: {}: {}", path_.string(), what, std::strerror(errno)));
}

}  // namespace prophet
