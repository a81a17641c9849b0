#include "runtime/trace/npz_archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/trace/byte_source.hpp"
#include "runtime/trace/import_support.hpp"

namespace prophet {
namespace {

constexpr std::string_view array_suffix = ".npy";
/// Deflate codes at most 258 bytes in 2 bits.
constexpr std::uint64_t deflate_ratio_max = 1032;

struct ZipError {
  zip_error_t value{};
  ZipError() noexcept { zip_error_init(&value); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&value); }
  [[nodiscard]] std::string text() { return zip_error_strerror(&value); }
};

class EntryStream final : public ByteStream {
 public:
  EntryStream(zip_file_t* file, std::uint64_t size_bytes, std::string name)
      : file_(file), size_bytes_(size_bytes), name_(std::move(name)) {}
  ~EntryStream() override { zip_fclose(file_); }

  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return size_bytes_; }
  [[nodiscard]] const std::string& where() const override { return name_; }
  [[nodiscard]] const std::string& source_name() const override { return name_; }

 private:
  std::size_t do_read(std::span<std::byte> into) override {
    std::size_t got = 0;
    while (got < into.size()) {
      const std::size_t more = read_some(into.subspan(got));
      if (more == 0) break;
      got += more;
    }
    done_bytes_ += got;
    if (done_bytes_ == size_bytes_) verify_end();
    return got;
  }

  std::size_t read_some(std::span<std::byte> into) {
    const zip_int64_t got = zip_fread(file_, into.data(), into.size());
    if (got < 0) {
      refuse(name_, fmt::format("is damaged in the archive ({}); expected {} sound bytes",
                                zip_error_strerror(zip_file_get_error(file_)), size_bytes_));
    }
    return static_cast<std::size_t>(got);
  }

  /// libzip compares the checksum when it is asked for the byte after the last.
  void verify_end() {
    std::byte beyond{};
    if (read_some(std::span(&beyond, 1)) != 0) {
      refuse(name_,
             fmt::format("holds more bytes than the {} its archive claims; expected as many", size_bytes_));
    }
  }

  zip_file_t* file_;
  std::uint64_t size_bytes_;
  std::uint64_t done_bytes_ = 0;
  std::string name_;
};

zip_t* open_or_refuse(zip_source_t* source, ZipError& error, std::string_view name) {
  zip_t* archive =
      source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error.value);
  if (archive == nullptr) {
    const std::string reason = error.text();
    zip_source_free(source);
    refuse(name,
           fmt::format("cannot be read as an npz archive ({}); expected a zip file of .npy arrays", reason));
  }
  return archive;
}

}  // namespace

void NpzArchive::Close::operator()(zip* archive) const noexcept {
  zip_discard(archive);
}

NpzArchive::NpzArchive(const std::filesystem::path& path) : name_(path.string()) {
  const auto readable = open_file_source(path);
  ZipError error;
  archive_.reset(open_or_refuse(zip_source_file_create(name_.c_str(), 0, -1, &error.value), error, name_));
  list_arrays();
}

NpzArchive::NpzArchive(std::span<const std::byte> bytes, std::string_view name) : name_(name) {
  ZipError error;
  archive_.reset(
      open_or_refuse(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error.value), error, name_));
  list_arrays();
}

void NpzArchive::list_arrays() {
  const zip_int64_t entries = zip_get_num_entries(archive_.get(), 0);
  if (entries > limits::npz_entries_max)
    refuse(name_,
           fmt::format("has {} entries, expected at most {} arrays", entries, limits::npz_entries_max));
  for (zip_int64_t i = 0; i < entries; ++i) {
    const char* entry = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
    std::string_view array = entry == nullptr ? std::string_view() : entry;
    if (array.size() > array_suffix.size() &&
        array.substr(array.size() - array_suffix.size()) == array_suffix) {
      array.remove_suffix(array_suffix.size());
      arrays_.emplace_back(array);
    }
  }
}

bool NpzArchive::has(std::string_view array) const noexcept {
  return std::find(arrays_.begin(), arrays_.end(), array) != arrays_.end();
}

std::unique_ptr<ByteStream> NpzArchive::open(std::string_view array) const {
  const std::string entry = std::string(array) + std::string(array_suffix);
  const std::string name = fmt::format("{}: array '{}'", name_, array);
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat(archive_.get(), entry.c_str(), 0, &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0 ||
      (stat.valid & ZIP_STAT_COMP_SIZE) == 0) {
    refuse(name, "has no size in the archive; expected a complete zip entry");
  }
  if (stat.size > limits::trace_decompressed_bytes_max) {
    refuse(name, fmt::format("claims {} bytes, expected at most {}", stat.size,
                             limits::trace_decompressed_bytes_max));
  }
  if (stat.size / deflate_ratio_max > stat.comp_size) {
    refuse(name, fmt::format("claims {} bytes in {} compressed ones, expected at most {} times as many",
                             stat.size, stat.comp_size, deflate_ratio_max));
  }
  zip_file_t* file = zip_fopen(archive_.get(), entry.c_str(), 0);
  if (file == nullptr) {
    refuse(name, fmt::format("cannot be opened ({}); expected a stored or deflated entry",
                             zip_strerror(archive_.get())));
  }
  return std::make_unique<EntryStream>(file, stat.size, name);
}

}  // namespace prophet
