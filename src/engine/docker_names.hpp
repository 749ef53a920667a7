#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "omcp_r/engine/engine.hpp"

namespace omcp_r::engine {

// How a sandbox's identity is written on its container: in labels, which never change, and in the
// name, which changes once, when a spare is given out.

using Labels = std::map<std::string, std::string>;

/// The labels that identity_of() reads.
inline constexpr std::array<std::string_view, 7> kLabels{
    "omcp-r.domain",   "omcp-r.id",   "omcp-r.idle", "omcp-r.lifetime",
    "omcp-r.protocol", "omcp-r.role", "omcp-r.scope"};

Labels labels_of(const Identity& identity);

/// A label that is missing, empty, or not a number where one is meant leaves the default.
Identity identity_of(const Labels& labels);

/// The labels that every sandbox of this scope has.
Labels scope_labels(const std::string& scope);

/// "omcp-r-ID", or "omcp-r-spare-ID" for a spare.
std::string container_name(const std::string& id, Role role);

/// Whether the container of this name is a spare that has not been given out.
bool is_spare_name(std::string_view name);

}  // namespace omcp_r::engine
