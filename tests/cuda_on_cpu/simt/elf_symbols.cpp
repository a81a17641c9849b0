#include "tests/cuda_on_cpu/simt/elf_symbols.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace prophet::simt {
namespace {

/// A file mapped for reading; empty when it could not be.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status {};
    if (fstat(file, &status) == 0 && status.st_size > 0) {
      void* mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
      if (mapped != MAP_FAILED) {
        data_ = static_cast<const std::byte*>(mapped);
        bytes_ = static_cast<std::size_t>(status.st_size);
      }
    }
    close(file);
  }
  ~MappedFile() {
    if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// `count` values of T at `offset`, or null when the file does not hold them.
  template <class T>
  [[nodiscard]] const T* array(std::size_t offset, std::size_t count) const {
    if (data_ == nullptr || offset > bytes_ || count > (bytes_ - offset) / sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(data_ + offset);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

int remember_own_module(dl_phdr_info* module, std::size_t, void* result) {
  const auto here = reinterpret_cast<std::uintptr_t>(&remember_own_module);
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const auto& segment = module->dlpi_phdr[i];
    const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || here < begin || here >= begin + segment.p_memsz) continue;
    *static_cast<std::string*>(result) = module->dlpi_name;
    return 1;
  }
  return 0;
}

bool visit_table(const MappedFile& file, const Elf64_Shdr& table, const Elf64_Shdr& names,
                 const std::function<void(const ElfSymbol&)>& visit) {
  const std::size_t count = table.sh_size / sizeof(Elf64_Sym);
  const auto* symbols = file.array<Elf64_Sym>(table.sh_offset, count);
  const auto* text = file.array<char>(names.sh_offset, names.sh_size);
  if (symbols == nullptr || text == nullptr) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto type = ELF64_ST_TYPE(symbols[i].st_info);
    const bool variable = type == STT_TLS || type == STT_OBJECT;
    if (!variable || symbols[i].st_shndx == SHN_UNDEF || symbols[i].st_name >= names.sh_size) continue;
    visit({text + symbols[i].st_name, symbols[i].st_value, symbols[i].st_size, type == STT_TLS});
  }
  return true;
}

}  // namespace

std::string own_module() {
  std::string path;
  dl_iterate_phdr(remember_own_module, &path);
  return path.empty() ? std::string("/proc/self/exe") : path;
}

bool visit_variables(const std::string& path, const std::function<void(const ElfSymbol&)>& visit) {
  const MappedFile file(path);
  const auto* header = file.array<Elf64_Ehdr>(0, 1);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return false;
  const auto* sections = file.array<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  if (sections == nullptr) return false;
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header->e_shnum) continue;
    return visit_table(file, sections[i], sections[sections[i].sh_link], visit);
  }
  return false;
}

}  // namespace prophet::simt
