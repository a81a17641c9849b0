#include "runtime/model/safetensors/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", path.string(), why));
}

/// Closes at the end of its scope; a mapping does not need its descriptor.
class Descriptor {
 public:
  // Not blocking: opening a pipe would wait for its writer.
  explicit Descriptor(const std::filesystem::path& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0)
      refuse(path, fmt::format("cannot be opened: {}; expected a readable file", std::strerror(errno)));
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) {
    refuse(path, fmt::format("cannot be examined: {}; expected a regular file", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) refuse(path, "is no regular file; expected one");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // nothing can be mapped
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) {
    if (errno == ENOMEM) {
      throw Error(ErrorCode::out_of_memory,
                  fmt::format("'{}': no room to map its {} bytes; expected address space for them",
                              path.string(), size));
    }
    refuse(path, fmt::format("cannot be mapped: {}; expected a file of a disk", std::strerror(errno)));
  }
  bytes_ = {static_cast<const std::byte*>(mapped), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace prophet
