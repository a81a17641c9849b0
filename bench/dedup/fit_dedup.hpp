#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/analytic/dedup_fit.hpp"
#include "bench/dedup/bootstrap.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Which tokens make up a batch.
enum class BatchOf : std::uint8_t {
  different_sequences,  ///< one decode token of each of so many, as continuous batching decodes
  one_sequence,         ///< consecutive decode tokens of one, as a prompt's or a draft's are
};

struct DedupOptions {
  std::vector<std::uint32_t> batches;  ///< rising, each once
  BatchOf batch_of = BatchOf::different_sequences;
  double saturation = 0.9;         ///< share of a layer's experts up to which a batch takes part in the fit
  double tolerance = 0.05;         ///< beyond it a law is off
  std::uint32_t resamples = 1000;  ///< not 0
  std::uint64_t seed = 1;
};

/// How the distinct experts of one layer, or of the mean of all, grow with the batch.
struct DedupFit {
  std::vector<analytic::UniqueAt> measured;    ///< by batch, as all of these
  std::vector<analytic::UniqueAt> uniform;     ///< expected of uniform routing
  std::vector<analytic::UniqueAt> popularity;  ///< expected of the popularity in other sequences
  analytic::PowerLaw law;                      ///< top_k * batch^exponent, the study's form
  Interval exponent;                           ///< 95 %, of `law`
  analytic::PowerLaw free_law;                 ///< scale and exponent free
  Interval free_exponent;
  analytic::PowerLaw uniform_law;     ///< the study's form fitted to `uniform` over the same batches
  analytic::PowerLaw popularity_law;  ///< and to `popularity`
  double study_r_squared = 0;         ///< of the study's own law over the same batches
  analytic::Departure departure;      ///< of `law`
  analytic::Departure free_departure;
  analytic::Departure study_departure;
};

struct DedupReport {
  TraceShape shape;
  std::uint32_t sequences = 0;        ///< measured
  std::uint32_t left_out = 0;         ///< of those asked for: too few decode tokens
  std::uint32_t learned = 0;          ///< sequences of the popularity
  std::vector<std::uint32_t> fitted;  ///< batches at which the mean of all layers is below saturation
  DedupFit all;                       ///< of the mean over layers
  std::vector<DedupFit> layers;
};

/// Measures `test` and learns popularity from `train`, every sequence with the same weight; only decode
/// tokens count. Every fit, of a layer or of an expectation too, is over the same batches, `fitted`.
/// Intervals are by a bootstrap over `test`, in which a batch of different sequences takes its expectation
/// for independent tokens. Throws Error{usage} for a batch that the sequences do not give and for fewer than
/// two batches below saturation, Error{bad_input} for sequences without decode tokens and for fewer than two.
[[nodiscard]] DedupReport fit_dedup(const RoutingTrace& trace, std::span<const SequenceId> test,
                                    std::span<const SequenceId> train, const DedupOptions& options);

/// Of `batches`, those that fit_dedup can measure.
[[nodiscard]] std::vector<std::uint32_t> measurable_batches(const RoutingTrace& trace,
                                                            std::span<const SequenceId> test,
                                                            BatchOf batch_of,
                                                            std::span<const std::uint32_t> batches);

}  // namespace prophet
