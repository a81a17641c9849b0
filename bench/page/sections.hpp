#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/page/page.hpp"
#include "bench/page/result_file.hpp"

namespace prophet::page {

/// What produced a result's figures, in words that no reader can take for another: "SIMULATED", "wall clock",
/// "arithmetic, nothing measured", "counted: no times", "counts only: CUDA sources on the CPU".
[[nodiscard]] std::string standing(const Result& result);

/// A command line, a list of texts, as a shell takes it; the program without its folder.
[[nodiscard]] std::string command_text(const Json& argv);

/// One line a result: command, device, model, trace, seed, version and commit.
[[nodiscard]] Section runs_section(std::span<const Result> results);

/// What a result answers, a sentence; empty for a kind that answers nothing by itself.
[[nodiscard]] std::string headroom_answer(const Result& result);
[[nodiscard]] std::string replay_answer(const Result& result);
[[nodiscard]] std::string forecast_answer(const Result& result);
[[nodiscard]] std::string serve_answer(const Result& result);
[[nodiscard]] std::string dedup_answer(const Result& result);
[[nodiscard]] std::string recommendation_answer(const Result& result);
[[nodiscard]] std::string ledger_answer(const Result& result);

/// The answers of all results, a row each; no block where there is none.
[[nodiscard]] Section answers_section(std::span<const Result> results);

/// The sections of all results: those of one kind stand together, kinds in a fixed order. A kind that has no
/// section of its own gets one table of all its keys.
[[nodiscard]] std::vector<Section> result_sections(std::span<const Result> results);

/// The rows of replay, sweep and generate with the shares and means that their table shows.
[[nodiscard]] Json replay_shown_rows(const Result& result);

// What one result adds to the section of its kind.
void add_headroom(Section& section, const Result& result);
void add_replay(Section& section, const Result& result);
void add_curve(Section& section, const Result& result);
void add_forecast(Section& section, const Result& result);
void add_serve(Section& section, const Result& result);
void add_perplexity(Section& section, const Result& result);
void add_dedup(Section& section, const Result& result);
void add_cells(Section& section, const Result& result);
void add_sensitivity(Section& section, const Result& result);
void add_recommendation(Section& section, const Result& result);
void add_ledger(Section& section, const Result& result);

}  // namespace prophet::page
