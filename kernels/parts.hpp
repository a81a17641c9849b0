#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

/// Operations in parts that several threads may compute at once. An operation is cut by its shapes alone,
/// each value is computed whole in one part, and parts share nothing that is written: whoever computes them,
/// in whatever order, the bits are the same.
namespace prophet::kernels {

/// A reference to a callable that computes the part of a number. Owns nothing.
class Part {
 public:
  /// `compute(part)` must not throw, and must live as long as this refers to it.
  template <class Compute>
  explicit Part(const Compute& compute) noexcept
      : compute_(&compute),
        call_([](const void* of, std::size_t part) { (*static_cast<const Compute*>(of))(part); }) {}
  void operator()(std::size_t part) const { call_(compute_, part); }

 private:
  const void* compute_;
  void (*call_)(const void*, std::size_t);
};

/// Who computes the parts of an operation.
class PartRunner {
 public:
  virtual ~PartRunner() = default;
  /// Computes parts 0 to count - 1, each once, and returns when all are done: what they wrote is then seen by
  /// the caller, and what the caller wrote before was seen by them.
  virtual void run(std::size_t count, const Part& part) noexcept = 0;
};

/// The calling thread does, one part after another.
class OneByOne final : public PartRunner {
 public:
  void run(std::size_t count, const Part& part) noexcept override {
    for (std::size_t i = 0; i < count; ++i) part(i);
  }
};

/// How `rows` rows of weights are cut: into parts of so many that handing one out costs little beside reading
/// it, and of a multiple of 16, so that every part of a matrix and of a row of results lies to a 64-byte
/// boundary as the whole does, by which BLAS may choose its way.
class RowParts {
 public:
  RowParts(std::size_t rows, std::uint64_t row_bytes) noexcept
      : rows_(rows),
        at_once_(ceil_to_line(static_cast<std::size_t>(part_bytes / std::max<std::uint64_t>(1, row_bytes)))) {
  }

  [[nodiscard]] std::size_t count() const noexcept { return (rows_ + at_once_ - 1) / at_once_; }
  [[nodiscard]] std::size_t first(std::size_t part) const noexcept { return part * at_once_; }
  [[nodiscard]] std::size_t end(std::size_t part) const noexcept {
    return std::min(rows_, first(part) + at_once_);
  }

 private:
  static constexpr std::uint64_t part_bytes = 128ULL << 10;
  static constexpr std::size_t line_values = 16;  ///< fp32 values in 64 bytes
  static constexpr std::size_t ceil_to_line(std::size_t rows) noexcept {
    return std::max<std::size_t>(1, (rows + line_values - 1) / line_values) * line_values;
  }

  std::size_t rows_;
  std::size_t at_once_;
};

}  // namespace prophet::kernels
