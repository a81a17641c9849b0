#include "tests/cuda_on_cpu/simt/static_shared.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/cuda_on_cpu/simt/elf_symbols.hpp"
#include "tests/cuda_on_cpu/simt/shared_memory.hpp"

// A variable of each kind whose place in this process is known, from which the others' places follow.
extern "C" {
extern __thread char prophet_simt_thread_anchor;
extern char prophet_simt_image_anchor;
__thread char prophet_simt_thread_anchor = 0;
char prophet_simt_image_anchor = 0;
}

namespace prophet::simt {
namespace {

constexpr const char* tag = "B14prophet_shared";  // as the C++ ABI mangles abi_tag("prophet_shared")
constexpr const char* guard_prefix = "_ZGV";      // guards of initialisation carry the tag of their variable

struct Table {
  std::vector<SharedVariable> variables;
  std::size_t thread_anchor = 0;
  std::size_t image_anchor = 0;
};

void note(Table& table, const ElfSymbol& symbol, bool& thread_anchor_found, bool& image_anchor_found) {
  if (std::strcmp(symbol.name, "prophet_simt_thread_anchor") == 0) {
    table.thread_anchor = symbol.value;
    thread_anchor_found = true;
  } else if (std::strcmp(symbol.name, "prophet_simt_image_anchor") == 0) {
    table.image_anchor = symbol.value;
    image_anchor_found = true;
  } else if (std::strstr(symbol.name, tag) != nullptr &&
             std::strncmp(symbol.name, guard_prefix, std::strlen(guard_prefix)) != 0) {
    table.variables.push_back({strdup(symbol.name), symbol.value, symbol.bytes, symbol.thread_local_storage});
  }
}

Table read_table() {
  Table table;
  bool thread_anchor = false;
  bool image_anchor = false;
  const std::string path = own_module();
  const bool read = visit_variables(
      path, [&](const ElfSymbol& symbol) { note(table, symbol, thread_anchor, image_anchor); });
  if (read && thread_anchor && image_anchor) return table;
  std::fprintf(stderr,
               "prophet::simt: %s has no symbol table, so __shared__ variables cannot be found and poisoned: "
               "expected a program that is not stripped\n",
               path.c_str());
  std::abort();
}

const Table& table() {
  static const Table& read = *new Table(read_table());
  return read;
}

std::byte* place_of(const SharedVariable& variable) {
  if (variable.thread_local_storage) {
    return reinterpret_cast<std::byte*>(&prophet_simt_thread_anchor) - table().thread_anchor +
           variable.offset;
  }
  return reinterpret_cast<std::byte*>(&prophet_simt_image_anchor) - table().image_anchor + variable.offset;
}

}  // namespace

std::span<const SharedVariable> shared_variables() {
  return table().variables;
}

void StaticShared::prepare() const {
  for (const SharedVariable& variable : table().variables)
    fill_with_poison(place_of(variable), variable.bytes);
}

bool StaticShared::contains(const void* begin, std::size_t bytes) const {
  const auto* first = static_cast<const std::byte*>(begin);
  for (const SharedVariable& variable : table().variables) {
    const std::byte* place = place_of(variable);
    if (first >= place && first + bytes <= place + variable.bytes) return true;
  }
  return false;
}

}  // namespace prophet::simt
