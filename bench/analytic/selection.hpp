#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"

namespace prophet::analytic {

/// Which catalogue a question is about. Nothing is ever taken from both.
enum class Catalogue : std::uint8_t {
  study,  ///< as the published study has the models
  real,   ///< as the architectures are
};
/// "study" or "real". Throws Error{usage} for another name.
[[nodiscard]] Catalogue parse_catalogue(std::string_view name);
[[nodiscard]] const char* catalogue_name(Catalogue catalogue) noexcept;

/// A model of that catalogue; of the real one also the path of a config.json. Throws Error{usage} for an
/// unknown name, with the nearest ones, and as load_model.
[[nodiscard]] std::shared_ptr<const CatalogueModel> catalogue_model(Catalogue catalogue,
                                                                    std::string_view name);

/// A GPU profile, or the path of one, with the memory that the catalogue gives it; the study's catalogue has
/// only its own four. Throws Error{no_device} for an unknown name, with the nearest ones.
[[nodiscard]] AnalyticGpu catalogue_gpu(Catalogue catalogue, std::string_view name);

/// What is published of a model's size.
struct PublishedCount {
  std::string name;  ///< in runtime/model
  double params = 0;
  std::string source;
};
/// One of each model of the real catalogue.
[[nodiscard]] const std::vector<PublishedCount>& published_counts();

/// None for a model that is in no catalogue.
[[nodiscard]] const PublishedCount* find_published_count(std::string_view name);

}  // namespace prophet::analytic
