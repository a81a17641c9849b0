#include "runtime/trace/byte_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse_errno(const std::string& where, const char* what) {
  throw Error(ErrorCode::bad_input, fmt::format("{}: {}: {}", where, what, std::strerror(errno)));
}

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

class FileSource final : public ByteSource {
 public:
  FileSource(Descriptor file, std::string where, std::uint64_t size_bytes)
      : ByteSource(std::move(where), size_bytes), file_(std::move(file)) {}

 private:
  void do_read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    while (!out.empty()) {
      const auto got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse_errno(where(), "cannot be read");
      if (got == 0) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{}: ends at byte {}: expected the {} bytes that it had when it was opened",
                                where(), offset, size_bytes()));
      }
      out = out.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
  }

  Descriptor file_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const std::byte> bytes, std::string where)
      : ByteSource(std::move(where), bytes.size()), bytes_(bytes) {}

 private:
  void do_read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }

  std::span<const std::byte> bytes_;
};

}  // namespace

void ByteSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_bytes_ || out.size() > size_bytes_ - offset) {
    throw Error(ErrorCode::bad_input, fmt::format("{}: ends at byte {}: expected {} bytes at offset {}",
                                                  where_, size_bytes_, out.size(), offset));
  }
  if (!out.empty()) do_read_at(offset, out);
}

std::unique_ptr<ByteSource> open_file_source(const std::filesystem::path& path) {
  const auto where = path.string();
  Descriptor file(::open(where.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) refuse_errno(where, "cannot be opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refuse_errno(where, "cannot be examined");
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: is {}: expected a regular file", where,
                            S_ISDIR(status.st_mode) ? "a directory" : "a device, pipe or socket"));
  }
  return std::make_unique<FileSource>(std::move(file), where, static_cast<std::uint64_t>(status.st_size));
}

std::unique_ptr<ByteSource> make_memory_source(std::span<const std::byte> bytes, std::string where) {
  return std::make_unique<MemorySource>(bytes, std::move(where));
}

}  // namespace prophet
