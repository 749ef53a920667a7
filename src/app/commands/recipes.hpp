#pragma once

#include <string>
#include <vector>

namespace omcp_r::commands {

/// What an image is made of, under a name.
struct Recipe {
  const char* name;
  const char* help;                   ///< a sentence
  std::vector<std::string> packages;  ///< of R, beyond those of stats
  std::vector<std::string> system;    ///< of Debian
  /// R code that runs once while the image is built; "" is none.
  std::string_view prepare;
};

/// The one table of recipes; the first, stats, is part of each.
const std::vector<Recipe>& recipes();

/// nullptr where there is none of that name.
const Recipe* find_recipe(const std::string& name);

/// "stats, spatial".
std::string recipe_names();

}  // namespace omcp_r::commands
