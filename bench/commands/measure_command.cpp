#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/commands.hpp"
#include "bench/commands/measure_output.hpp"
#include "bench/measure/kernel_shapes.hpp"
#include "bench/measure/measured_rows.hpp"
#include "bench/measure/sizes.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/log.hpp"
#include "runtime/device/cuda_driver.hpp"

namespace prophet {
namespace {

constexpr const char* copy_legend =
    "way: pinned, pageable: one copy; plain, batch: as many bytes as n copies, one call each or all in one; "
    "zero-copy: a kernel reads\nor writes pinned memory. times: on the device, pageable by its whole call; "
    "submit: host time of the calls. What arrived was compared.\n";
constexpr const char* kernel_legend =
    "times: of whole calls of a launcher, on the device. Before each call memory of twice the second-level "
    "cache, at least 512 MiB, is\nwritten, so that weights come from memory. bound: the larger of moved / "
    "memory rate and, where the kernel's operations can bound it,\noperations / their rate; no latency is in "
    "it. reached: bound / median. rows each: of every expert.\n";
constexpr const char* boundary_legend =
    "re-typed: a change of owner in the host's books; with events: and the calls that order the tenants' "
    "streams; live pages: the same, and\nslabs come back full of pages that move first; virtual memory: map "
    "behind the other range, then unmap. times: of the host, on an idle\ndevice, and of live pages until "
    "they "
    "have moved; first write: of the device, a pattern into every page that moved. Each page was\nverified "
    "after each move.\n";

struct CopyArguments {
  MeasureOptions options;
  std::vector<std::string> sizes;
  std::uint32_t copies = 16;
};

struct KernelArguments {
  MeasureOptions options;
  std::vector<std::string> models;
  std::vector<std::string> only;
  std::vector<std::uint32_t> rows;
};

struct BoundaryArguments {
  MeasureOptions options;
  std::string slab_size;
  std::string page_size;
  std::vector<std::uint32_t> slabs;
};

void check_list(const char* option, std::size_t count) {
  if (count <= limits::measured_list_max) return;
  throw Error(ErrorCode::usage, fmt::format("{}: {} values are given, expected at most {}", option, count,
                                            limits::measured_list_max));
}

bool is_vehicle() {
  return cuda_status().test_vehicle;
}

void prepare_outputs(const MeasureOptions& options) {
  set_quiet(options.quiet);
  check_writable(options.json_path);
  check_writable(options.csv_path);
}

/// 4 KiB to 256 MiB; on the vehicle three sizes, as its copies take the CPU's time.
std::vector<std::uint64_t> copy_sizes(const CopyArguments& arguments) {
  const std::uint64_t unit = std::uint64_t{16} * arguments.copies;
  if (arguments.sizes.empty())
    return is_vehicle() ? measure::size_ladder(unit << 4, unit << 8, 4)
                        : measure::size_ladder(std::max<std::uint64_t>(unit, 4U << 10), 256U << 20, 4);
  check_list("--sizes", arguments.sizes.size());
  std::vector<std::uint64_t> sizes;
  for (const std::string& text : arguments.sizes) {
    sizes.push_back(measure::parse_size(text, "--sizes", unit, limits::measured_copy_bytes_max));
    if (sizes.back() % unit == 0) continue;
    throw Error(ErrorCode::usage,
                fmt::format("--sizes {}: expected a multiple of {} bytes, 16 for each of --copies {}", text,
                            unit, arguments.copies));
  }
  return sizes;
}

void measure_copy(const CopyArguments& arguments) {
  prepare_outputs(arguments.options);
  const measure::CopyRequest request{measured_ordinal(arguments.options), copy_sizes(arguments),
                                     arguments.copies, measured_repetitions(arguments.options, 20),
                                     arguments.options.seed};
  const measure::MeasuredCopies measured = measure_copies(request);
  const auto against = measure::choose_profile(arguments.options.profile, measured.gpu);
  const measure::Rows rows = measure::copy_rows(measured, against);
  report_measured(arguments.options, measured.gpu, against, request.repetitions,
                  {{"rows", rows, measure::copy_table(rows)}}, copy_legend);
}

measure::KernelRequest kernel_request(const KernelArguments& arguments) {
  check_list("--rows", arguments.rows.size());
  check_list("--model", arguments.models.size());
  measure::KernelRequest request;
  request.ordinal = measured_ordinal(arguments.options);
  request.models = arguments.models;
  if (request.models.empty()) {
    request.models = {"tiny"};
    if (!is_vehicle()) request.models = {"gpt-oss-20b", "qwen3-30b-a3b", "deepseek-v3"};
  }
  for (const std::string& model : request.models) static_cast<void>(measure::kernel_shapes(model));
  request.only = arguments.only;
  request.crossover_rows = arguments.rows;
  if (request.crossover_rows.empty() && request.only.empty()) {
    request.crossover_rows = {1, 8};
    if (!is_vehicle()) request.crossover_rows = {1, 2, 4, 8, 16, 32, 64};
  }
  std::sort(request.crossover_rows.begin(), request.crossover_rows.end());
  request.repetitions = measured_repetitions(arguments.options, 30);
  request.seed = arguments.options.seed;
  return request;
}

void measure_kernel(const KernelArguments& arguments) {
  prepare_outputs(arguments.options);
  const measure::KernelRequest request = kernel_request(arguments);
  const measure::MeasuredKernels measured = measure_kernels(request);
  if (measured.rows.empty() && measured.crossover.empty())
    throw Error(ErrorCode::usage, "--only: no launcher's name has such a part, expected one such as router");
  const auto against = measure::choose_profile(arguments.options.profile, measured.gpu);
  const measure::Rows rows = measure::kernel_rows(measured, against);
  std::vector<MeasuredTable> tables{{"rows", rows, measure::kernel_table(rows)}};
  if (!measured.crossover.empty()) {
    const measure::Rows crossover = measure::crossover_rows(measured, against);
    const measure::Rows answers = measure::crossover_answers(measured, against);
    tables.push_back({"crossover", crossover, measure::crossover_table(crossover)});
    tables.push_back({"crossover_rows", answers,
                      std::string("rows of an expert from which cuBLAS is the faster way\n") +
                          measure::answers_table(answers)});
  }
  report_measured(arguments.options, measured.gpu, against, request.repetitions, tables, kernel_legend);
}

measure::BoundaryRequest boundary_request(const BoundaryArguments& arguments) {
  check_list("--slabs", arguments.slabs.size());
  measure::BoundaryRequest request;
  request.ordinal = measured_ordinal(arguments.options);
  request.slab_bytes =
      measure::parse_size(arguments.slab_size, "--slab-size", 2ULL << 20, limits::measured_slab_bytes_max);
  request.page_bytes =
      static_cast<std::uint32_t>(measure::parse_size(arguments.page_size, "--page-size", 4096, 2ULL << 20));
  if (request.slab_bytes % (2ULL << 20) != 0 || (2ULL << 20) % request.page_bytes != 0) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--slab-size {}, --page-size {}: expected slabs of whole 2 MiB and pages that divide "
                    "2 MiB",
                    arguments.slab_size, arguments.page_size));
  }
  request.slabs = arguments.slabs;
  if (request.slabs.empty()) {
    request.slabs = {1, 2};
    if (!is_vehicle()) request.slabs = {1, 4, 16, 64};
  }
  request.repetitions = measured_repetitions(arguments.options, 20);
  request.seed = arguments.options.seed;
  return request;
}

void measure_boundaries(BoundaryArguments arguments) {
  prepare_outputs(arguments.options);
  if (arguments.slab_size.empty()) arguments.slab_size = is_vehicle() ? "2MiB" : "14MiB";
  const measure::BoundaryRequest request = boundary_request(arguments);
  const measure::MeasuredBoundary measured = measure_boundary(request);
  const auto against = measure::choose_profile(arguments.options.profile, measured.gpu);
  const measure::Rows rows = measure::boundary_rows(measured);
  report_measured(arguments.options, measured.gpu, against, request.repetitions,
                  {{"rows", rows, measure::boundary_table(rows)}}, boundary_legend);
}

void add_common(CLI::App& command, MeasureOptions& options) {
  command.add_option("--device", options.device, "The GPU: cuda or cuda:N")->capture_default_str();
  command.add_option("--profile", options.profile,
                     "GPU profile for shares and bounds: a name or a file (default: that of the GPU's name, "
                     "if there is one)");
  command
      .add_option("--repetitions", options.repetitions,
                  "Timed repetitions of each row, of which the median is printed")
      ->check(CLI::Range(1U, limits::repetitions_max));
  command.add_option("--seed", options.seed, "Of all contents")->capture_default_str();
  command.add_option("--json", options.json_path, "Write the result as JSON (- is stdout)");
  command.add_option("--csv", options.csv_path, "Write the rows as CSV (- is stdout)");
  command.add_flag("--quiet", options.quiet, "No remarks on stderr");
}

void add_copy(CLI::App& measure) {
  CLI::App* command = measure.add_subcommand(
      "copy", "Copies between host and device: pinned, pageable, in batches, and by a kernel; by size");
  const auto arguments = std::make_shared<CopyArguments>();
  add_common(*command, arguments->options);
  command
      ->add_option("--sizes", arguments->sizes,
                   "Bytes of each row, such as 64KiB,1MiB (default: 4KiB to 256MiB in steps of 4)")
      ->delimiter(',');
  command->add_option("--copies", arguments->copies, "Copies of a batch, and of the plain copies beside it")
      ->capture_default_str()
      ->check(CLI::Range(1U, limits::measured_copies_max));
  command->callback([arguments] { measure_copy(*arguments); });
}

void add_kernels(CLI::App& measure) {
  CLI::App* command = measure.add_subcommand(
      "kernels", "Every kernel at shapes of published models, beside the bound of the GPU profile");
  const auto arguments = std::make_shared<KernelArguments>();
  add_common(*command, arguments->options);
  command
      ->add_option("--model", arguments->models,
                   "Whose shapes: gpt-oss-20b, qwen3-30b-a3b, deepseek-v3 (default: all three) or tiny")
      ->delimiter(',');
  command
      ->add_option("--only", arguments->only, "Only launchers whose names have such a part, such as expert")
      ->delimiter(',');
  command
      ->add_option("--rows", arguments->rows,
                   "Rows of each expert at which our few-token kernel is compared with cuBLAS (default: 1 to "
                   "64 in steps of 2; with --only none)")
      ->delimiter(',')
      ->check(CLI::Range(1U, limits::measured_rows_max));
  command->callback([arguments] { measure_kernel(*arguments); });
}

void add_boundary(CLI::App& measure) {
  CLI::App* command = measure.add_subcommand(
      "boundary", "Moving slabs between experts and KV pages: re-typed, and by virtual memory");
  const auto arguments = std::make_shared<BoundaryArguments>();
  add_common(*command, arguments->options);
  command->add_option("--slab-size", arguments->slab_size,
                      "A multiple of 2MiB (default: 14MiB, an expert of gpt-oss-20b)");
  command->add_option("--page-size", arguments->page_size, "Of the pages that are written, a part of 2MiB")
      ->default_val("64KiB");
  command->add_option("--slabs", arguments->slabs, "Slabs of one move (default: 1,4,16,64)")
      ->delimiter(',')
      ->check(CLI::Range(1U, limits::measured_slabs_max));
  command->callback([arguments] { measure_boundaries(*arguments); });
}

}  // namespace

void add_measure_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("measure", "Microbenchmarks of a GPU: copy, kernels, boundary");
  command->require_subcommand(1);
  add_copy(*command);
  add_kernels(*command);
  add_boundary(*command);
}

}  // namespace prophet
