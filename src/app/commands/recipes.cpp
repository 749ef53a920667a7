#include "commands/recipes.hpp"

#include <algorithm>

namespace omcp_r::embedded {
extern const std::string_view kSyntheticCdm;
}

namespace omcp_r::commands {

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> kTable{
      {"stats",
       "Data, models, plots and reports: tidyverse, data.table, lme4, survival, broom, ragg, "
       "rmarkdown, RSQLite, plotly, DT, and readers of SAS, Stata, SPSS and Excel.",
       {"tidyverse", "data.table", "lme4", "survival", "broom", "ragg", "svglite", "rmarkdown",
        "DBI", "RSQLite", "RPostgreSQL", "plotly", "DT", "haven", "readxl", "openxlsx", "jsonlite"},
       {"pandoc"},
       ""},
      {"spatial", "stats, with sf, terra and stars.", {"sf", "terra", "stars", "units"}, {}, ""},
      {"bayes",
       "stats, with rstan, brms, and rstanarm's models, which are compiled beforehand.",
       {"rstan", "brms", "rstanarm", "bayesplot", "loo", "posterior"},
       {"dpkg-dev"},  // RcppParallel asks dpkg-architecture where TBB is
       ""},
      {"omop",
       "stats, with dbplyr, and a small synthetic OMOP CDM to try things on "
       "(/opt/omop/cdm.sqlite).",
       {"dbplyr", "checkmate"},
       {},
       embedded::kSyntheticCdm},
  };
  return kTable;
}

const Recipe* find_recipe(const std::string& name) {
  const auto found = std::find_if(recipes().begin(), recipes().end(),
                                  [&name](const Recipe& one) { return name == one.name; });
  return found == recipes().end() ? nullptr : &*found;
}

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : recipes())
    names += (names.empty() ? "" : ", ") + std::string(recipe.name);
  return names;
}

}  // namespace omcp_r::commands
