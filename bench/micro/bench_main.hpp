#pragma once

namespace prophet::micro {

/// Each benchmark program defines it: registers its cases, whose names scripts/bench_table knows.
void register_benchmarks();

}  // namespace prophet::micro
