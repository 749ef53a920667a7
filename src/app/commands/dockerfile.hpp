#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// Packages that come into an image in one step, which images with the same first ones share.
struct Group {
  std::vector<std::string> packages;  ///< of R
  std::vector<std::string> system;    ///< of the base's distribution
};

/// What is to be in an image.
struct Wanted {
  std::string title;    ///< what it is made of, in a word: "stats", "packages"
  std::string command;  ///< that makes it, for the first line
  std::string base;     ///< the image that it is made from
  std::vector<Group> groups;
  bool renv = false;      ///< a renv.lock lies beside the Dockerfile
  bool prepare = false;   ///< and so does a prepare.R, to be run once
  bool compiler = false;  ///< is left in it
  std::string cran;       ///< the address of a repository; "" is the public ones
};

/// What a base image is, as base_questions() found it.
struct Base {
  std::string codename;   ///< of its distribution: "bookworm"
  std::string r_version;  ///< of the R in it, or of the one that apt would install
  bool own_r = false;     ///< it has an R that is not apt's, for which apt has no packages
  std::set<std::string> available;  ///< apt's packages of R
};

/// The shell script that asks a base.
std::string base_questions();

/// Reads its answers. An error for a base that nothing can be installed in.
Result<Base> read_base(std::string_view answers);

/// Where the packages come from.
struct Sources {
  std::vector<std::string> apt;   ///< apt's names
  std::vector<std::string> cran;  ///< R's names: what apt does not have
};
Sources sources_of(const Group& group, const Base& base);

/// The text of the Dockerfile: apt's packages, then those of CRAN in a stage of their own, and
/// neither compilers nor set-user-id programs in the end.
std::string dockerfile(const Wanted& wanted, const Base& base);

/// Words as R has them, c("a", "b"): such in which nothing has to be escaped.
std::string r_vector(const std::vector<std::string>& words);

/// Whether a package of the distribution may have this name.
bool is_system_package_name(std::string_view name);

}  // namespace omcp_r::commands
