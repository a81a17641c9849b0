#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/commands/commands.hpp"
#include "bench/page/report_page.hpp"
#include "bench/page/result_file.hpp"
#include "bench/page/writers.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"

namespace prophet {
namespace {

namespace fs = std::filesystem;

struct ReportSetup {
  std::string out;
  std::string markdown_path;
  std::string figures;
  std::vector<std::string> results;
};

/// Where the two texts go; the Markdown may go nowhere.
struct Outputs {
  std::string html;
  std::string markdown;
};

/// A folder that is not there is made, in one that is.
Outputs outputs_of(const ReportSetup& setup) {
  const fs::path out = setup.out;
  if (out.extension() == ".html" || out.extension() == ".htm" || setup.out == "-")
    return {setup.out, setup.markdown_path};
  std::error_code failure;
  fs::create_directory(out, failure);
  if (failure || !fs::is_directory(out)) {
    throw Error(ErrorCode::usage,
                fmt::format("--out {}: is no folder and none can be made there, expected one, or a file that "
                            "ends with .html",
                            setup.out));
  }
  const std::string markdown =
      setup.markdown_path.empty() ? (out / "report.md").string() : setup.markdown_path;
  return {(out / "report.html").string(), markdown};
}

void refuse_overwriting(const std::string& output, const ReportSetup& setup) {
  std::error_code failure;
  for (const std::string& result : setup.results) {
    if (output.empty() || !fs::equivalent(output, result, failure)) continue;
    throw Error(ErrorCode::usage,
                fmt::format("{}: is one of the results, expected another file to write to", output));
  }
}

void check_outputs(const Outputs& outputs, const ReportSetup& setup) {
  if (outputs.html == outputs.markdown) {
    throw Error(ErrorCode::usage, fmt::format("--out {} and --markdown {}: expected two different files",
                                              setup.out, setup.markdown_path));
  }
  for (const std::string& output : {outputs.html, outputs.markdown}) {
    refuse_overwriting(output, setup);
    check_writable(output);
  }
}

void write_report(const ReportSetup& setup) {
  if (setup.results.empty())
    throw Error(ErrorCode::usage, "no result, expected files that prophet commands wrote with --json");
  const page::Results results = page::read_results(setup.results);
  for (const std::string& remark : results.remarks) log_warning(remark);
  const page::Page page = page::report_page(results, setup.figures, page::Json(provenance_json()));
  const Outputs outputs = outputs_of(setup);
  check_outputs(outputs, setup);
  write_text_file(outputs.html, page::html_text(page));
  if (!outputs.markdown.empty())
    write_text_file(outputs.markdown, page::markdown_text(page, fs::path(outputs.markdown).parent_path()));
}

}  // namespace

void add_report_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "report", "One HTML page that needs no network, and a Markdown twin, from results written with --json");
  const auto setup = std::make_shared<ReportSetup>();
  command
      ->add_option(
          "--out", setup->out,
          "Folder for report.html and report.md, made if need be; or a file that ends with .html; - is "
          "stdout")
      ->required();
  command->add_option("--markdown", setup->markdown_path, "File for the Markdown twin");
  command->add_option("--figures", setup->figures,
                      "Folder of pictures, NAME.svg, each with its numbers in NAME.csv or NAME.json");
  command->add_option("results", setup->results, "Files that prophet commands wrote with --json");
  command->callback([setup] { write_report(*setup); });
}

}  // namespace prophet
