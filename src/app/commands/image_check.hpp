#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/floors.hpp"

namespace omcp_r::commands {

/// What R in a sandbox of an image has told.
struct ImageFacts {
  struct Package {
    std::string name;
    std::string version;
    std::string problem;  ///< "" where it loads
  };
  std::string r_version;
  std::string platform;
  bool utf8 = false;
  bool cairo = false;
  bool compiler = false;
  std::string scripts_without_font;  ///< "" where there are fonts for all that are asked for
  std::vector<Package> packages;
  bool whole = false;  ///< it was told to its end
};

/// Reads what image_check.R prints, between whatever else is printed.
ImageFacts read_image_facts(std::string_view printed);

/// Starts a sandbox of the configured image, which people know as `name`, loads `packages` there
/// (all that are installed, where there are none), prints what there is to know, and removes it.
/// The exit code: 1 where something does not load.
asio::awaitable<int> check_image(Floors& floors, std::vector<std::string> packages,
                                 std::string name);

}  // namespace omcp_r::commands
