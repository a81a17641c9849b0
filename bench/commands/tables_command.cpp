#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/commands/commands.hpp"
#include "bench/report/provenance.hpp"
#include "bench/tables/table_list.hpp"
#include "bench/tables/table_text.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

using namespace tables;
namespace fs = std::filesystem;

struct TablesSetup {
  std::string catalogue = "both";
  std::vector<std::string> tables;
  std::vector<std::string> formats;
  std::optional<std::string> out;
  bool force = false;
  bool list = false;
};

/// What was asked for, each once and in the order of the question.
struct TablesSelection {
  std::vector<Catalogue> catalogues;
  std::vector<const TableKind*> kinds;
  std::vector<TableFormat> formats;
};

struct TableFile {
  fs::path path;
  TableFormat format;
  std::string text;
};

std::vector<Catalogue> parse_catalogues(const std::string& name) {
  if (name == "both") return {Catalogue::study, Catalogue::real};
  if (name == "study" || name == "real") return {analytic::parse_catalogue(name)};
  throw Error(ErrorCode::usage, fmt::format("--catalogue '{}': expected study, real or both", name));
}

template <typename Value>
void add_once(std::vector<Value>& values, Value value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

std::vector<TableFormat> parse_formats(const TablesSetup& setup) {
  std::vector<TableFormat> formats;
  for (const std::string& name : setup.formats) add_once(formats, parse_table_format(name));
  if (!formats.empty()) return formats;
  if (!setup.out) return {TableFormat::markdown};
  return {table_formats.begin(), table_formats.end()};
}

TablesSelection selection_of(const TablesSetup& setup) {
  TablesSelection selection;
  selection.catalogues = parse_catalogues(setup.catalogue);
  for (const std::string& name : setup.tables) add_once(selection.kinds, &find_table_kind(name));
  if (setup.tables.empty()) {
    for (const TableKind& kind : table_kinds()) selection.kinds.push_back(&kind);
  }
  selection.formats = parse_formats(setup);
  if (!setup.out && selection.formats.size() > 1)
    throw Error(ErrorCode::usage, "--format: names several formats, expected one on stdout, or --out DIR");
  if (!setup.out && setup.force)
    throw Error(ErrorCode::usage, "--force: expected it with --out, as it is about files there");
  return selection;
}

std::string made_by() {
  const Version version = program_version();
  return fmt::format("prophet {} ({}{}), arithmetic, nothing was measured", version.version,
                     version.git_commit, version.git_dirty ? ", modified" : "");
}

void print_list() {
  for (const TableKind& kind : table_kinds())
    fmt::print("{:<20} {:<12} {}\n", kind.name, kind.document, kind.title);
}

void print_tables(const TablesSelection& selection) {
  bool first = true;
  for (const TableKind* const kind : selection.kinds) {
    for (const Catalogue catalogue : selection.catalogues) {
      if (!first) fmt::print("\n");
      first = false;
      fmt::print("{}", table_text(make_table(*kind, catalogue), selection.formats.front(), made_by()));
    }
  }
}

std::vector<TableFile> files_of(const TablesSelection& selection, const fs::path& folder) {
  std::vector<TableFile> files;
  for (const TableKind* const kind : selection.kinds) {
    for (const Catalogue catalogue : selection.catalogues) {
      const Table table = make_table(*kind, catalogue);
      for (const TableFormat format : selection.formats) {
        const std::string name = fmt::format("{}.{}.{}", kind->name, analytic::catalogue_name(catalogue),
                                             table_format_extension(format));
        files.push_back({folder / name, format, table_text(table, format, made_by())});
      }
    }
  }
  return files;
}

/// Of what stands in the way only tables of an earlier run are replaced.
void check_replaceable(const TableFile& file) {
  std::error_code ignored;
  if (!fs::exists(file.path, ignored)) return;
  std::string line;
  std::ifstream old(file.path);
  std::getline(old, line);
  if (is_table_text(line, file.format)) return;
  throw Error(
      ErrorCode::usage,
      fmt::format(
          "{}: exists and is no table of an earlier run; expected another folder, or --force to overwrite it",
          file.path.string()));
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directory(folder, failure);
  if (fs::is_directory(folder, failure)) return;
  throw Error(ErrorCode::usage, fmt::format("--out '{}': is no folder and cannot be made one; expected a "
                                            "path in a folder that exists and may be written to",
                                            folder.string()));
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void write_tables(const TablesSelection& selection, const TablesSetup& setup) {
  make_folder(*setup.out);
  const std::vector<TableFile> files = files_of(selection, *setup.out);
  for (const TableFile& file : files) {
    if (!setup.force) check_replaceable(file);
    check_writable(file.path.string());
  }
  std::string formats;
  for (const TableFormat format : selection.formats)
    formats += fmt::format("{}{}", formats.empty() ? "" : ", ", table_format_name(format));
  for (const TableFile& file : files) write_text_file(file.path.string(), file.text);
  fmt::print("wrote {} into {}: {} x {} as {}\n", counted(files.size(), "file"), *setup.out,
             counted(selection.kinds.size(), "table"), counted(selection.catalogues.size(), "catalogue"),
             formats);
}

void run_tables(const TablesSetup& setup) {
  const TablesSelection selection = selection_of(setup);
  if (setup.list) return print_list();
  setup.out ? write_tables(selection, setup) : print_tables(selection);
}

}  // namespace

void add_tables_command(CLI::App& app) {
  CLI::App* const command = app.add_subcommand(
      "tables", "The published study's tables, computed anew, as the study has the models and as they are");
  const auto setup = std::make_shared<TablesSetup>();
  command
      ->add_option("--catalogue", setup->catalogue,
                   "study: models as the published study has them; real: as the architectures are; both")
      ->capture_default_str();
  command->add_option("--table", setup->tables, "Names, with commas between them; all by default")
      ->delimiter(',');
  command
      ->add_option("--format", setup->formats,
                   "csv, markdown, latex; by default markdown on stdout and all three in a folder")
      ->delimiter(',');
  command->add_option("--out", setup->out,
                      "Write NAME.CATALOGUE.csv, .md and .tex into this folder instead of to stdout");
  command->add_flag("--force", setup->force, "Overwrite files there that are no tables of an earlier run");
  command->add_flag("--list", setup->list, "Print the tables' names, documents and titles, and nothing else");
  command->callback([setup] { run_tables(*setup); });
}

}  // namespace prophet
