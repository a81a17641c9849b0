#pragma once

#include <string>

#include "bench/measure/measured_against.hpp"
#include "bench/measure/measurements.hpp"
#include "bench/measure/table.hpp"

/// Measurements as rows of a report. Every time, rate and share is null where times mean nothing.
namespace prophet::measure {

[[nodiscard]] Rows copy_rows(const MeasuredCopies& measured, const MeasuredAgainst& against);
[[nodiscard]] std::string copy_table(const Rows& rows);

[[nodiscard]] Rows kernel_rows(const MeasuredKernels& measured, const MeasuredAgainst& against);
[[nodiscard]] std::string kernel_table(const Rows& rows);

[[nodiscard]] Rows crossover_rows(const MeasuredKernels& measured, const MeasuredAgainst& against);
/// For each model and format: the smallest measured number of rows from which on cuBLAS was the faster one,
/// beside what expert_ffn_crossover_rows() says of the profile and of the GPU's own peaks, by which the cuda
/// device chooses.
[[nodiscard]] Rows crossover_answers(const MeasuredKernels& measured, const MeasuredAgainst& against);
[[nodiscard]] std::string crossover_table(const Rows& rows);
[[nodiscard]] std::string answers_table(const Rows& answers);

[[nodiscard]] Rows boundary_rows(const MeasuredBoundary& measured);
[[nodiscard]] std::string boundary_table(const Rows& rows);

}  // namespace prophet::measure
