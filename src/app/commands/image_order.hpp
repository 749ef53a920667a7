#pragma once

#include <string>
#include <vector>

#include "commands/dockerfile.hpp"
#include "commands/words.hpp"
#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// What `image build` is to make, as its words say it.
struct ImageOrder {
  Wanted wanted;
  std::string name;       ///< of the image
  std::string network;    ///< to build with
  bool fresh = false;     ///< nothing of earlier builds is taken
  std::string prepare;    ///< R code to be run once; "" is none
  std::string lock;       ///< the text of a renv.lock; "" is none
  std::string r_of_lock;  ///< the version of R that it was made with; "" where it does not say
  /// The name that it has while its packages have not been seen to load.
  [[nodiscard]] std::string name_until_checked() const;
  std::vector<std::string> to_load;  ///< what must load in the end
};

/// An error says which word is wrong. Reads the renv.lock that they name.
Result<ImageOrder> read_order(const Words& words);

}  // namespace omcp_r::commands
