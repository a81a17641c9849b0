// How long each kernel takes, and from how many rows on cuBLAS computes experts faster than our own kernels.
#include <algorithm>

#include "bench/cuda/expert_cases.hpp"
#include "bench/cuda/kernel_plans.hpp"
#include "bench/measure/measurements.hpp"
#include "runtime/device/cuda/gpu_rates.hpp"

namespace prophet::measure {
namespace {

bool is_asked_for(const KernelPlan& plan, const KernelRequest& request) {
  return request.only.empty() || std::any_of(request.only.begin(), request.only.end(), [&](const auto& part) {
           return plan.kernel.find(part) != std::string::npos;
         });
}

Timing time_plan(BenchGpu& gpu, const std::function<Launch(CaseMemory&)>& prepare, const char* kernel,
                 const KernelRequest& request) {
  CaseMemory memory(gpu, request.seed);
  const Drain drain(gpu);
  const Launch launch = prepare(memory);
  return device_timing(gpu.time(launch, Before::cache_swept, request.repetitions, kernel));
}

std::vector<KernelRow> measure_model(BenchGpu& gpu, cuda::BlasHandle& blas, const KernelShapes& shapes,
                                     const KernelRequest& request) {
  std::vector<KernelPlan> plans;
  plan_slab_kernels(shapes, plans);
  plan_routing_kernels(shapes, plans);
  plan_model_kernels(shapes, plans);
  plan_predictor_kernels(shapes, plans);
  plan_attention_kernels(shapes, plans);
  plan_expert_kernels(shapes, blas, plans);
  std::vector<KernelRow> rows;
  for (const KernelPlan& plan : plans) {
    if (!is_asked_for(plan, request)) continue;
    rows.push_back({plan.kernel, shapes.name, plan.detail, plan.shape, plan.work,
                    time_plan(gpu, plan.prepare, plan.kernel.c_str(), request)});
  }
  return rows;
}

/// Both ways over the experts of one token's choice, each with as many rows.
CrossoverRow compare(BenchGpu& gpu, cuda::BlasHandle& blas, const KernelShapes& shapes,
                     kernels::ExpertFormat format, std::uint32_t rows, const KernelRequest& request) {
  const std::uint32_t experts = shapes.router.top_k;
  const ExpertCase what{expert_layout(shapes, format), shapes.activation, experts, rows};
  CrossoverRow row;
  row.model = shapes.name;
  row.format = format;
  row.experts = experts;
  row.rows = rows;
  row.few_work = expert_ffn_work(what.layout, experts, rows);
  row.many_work = expert_ffn_blas_work(what.layout, experts, rows);
  row.few = time_plan(
      gpu, [&](CaseMemory& memory) { return prepare_expert_list(memory, what); }, "expert_ffn_list", request);
  row.many = time_plan(
      gpu, [&](CaseMemory& memory) { return prepare_expert_blas(memory, what, blas); }, "expert_ffn_blas",
      request);
  return row;
}

}  // namespace

MeasuredKernels measure_kernels(const KernelRequest& request) {
  BenchGpu gpu(request.ordinal);
  MeasuredKernels measured;
  measured.gpu = gpu.facts();
  {
    // As the cuda device gives it to its streams.
    cuda::BlasHandle blas({cuda::blas_workspace_bytes(gpu.gpu().figures)}, gpu.stream(), gpu.status());
    const Drain drain(gpu);
    for (const std::string& model : request.models) {
      const KernelShapes shapes = kernel_shapes(model);
      for (KernelRow& row : measure_model(gpu, blas, shapes, request))
        measured.rows.push_back(std::move(row));
      for (const kernels::ExpertFormat format : shapes.formats) {
        for (const std::uint32_t rows : request.crossover_rows)
          measured.crossover.push_back(compare(gpu, blas, shapes, format, rows, request));
      }
    }
  }
  gpu.status().throw_pending();
  return measured;
}

}  // namespace prophet::measure
