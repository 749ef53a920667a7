#pragma once

#include <string>

#include "omcp_r/app/options.hpp"

/// What ships beside the program and says what it can be told: all of it is made from the tables of
/// options and hosts.
namespace omcp_r::pages {

std::string man_page();  ///< for man(1)
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

/// What a shell offers, or a host's form asks, where a value is due.
enum class Completes { kNothing, kWords, kFiles, kFolders };

Completes completes(app::Kind kind);

/// The bundle's manifest from the template `path`, which names settings as {"DATA_DIR": "its
/// title"}; they become questions, and what is answered reaches the server in its environment.
/// Throws where the template cannot be read or names no setting.
std::string bundle_manifest(const std::string& path);

/// The registry's entry from the template `path`, which names settings as {"name": "DATA_DIR"}.
/// Throws like bundle_manifest().
std::string registry_entry(const std::string& path, const std::string& sha256);

}  // namespace omcp_r::pages
