#include "omcp_r/mcp/revision.hpp"

#include <algorithm>
#include <array>

namespace omcp_r::mcp {
namespace {

// name, era, batches, tool_annotations, structured_content, server_description
constexpr std::array<Revision, 5> kRevisions{{
    {"2024-11-05", Era::kLegacy, false, false, false, false},
    {"2025-03-26", Era::kLegacy, true, true, false, false},
    {"2025-06-18", Era::kLegacy, false, true, true, false},
    {"2025-11-25", Era::kLegacy, false, true, true, true},
    {"2026-07-28", Era::kModern, false, true, true, true},
}};
constexpr std::size_t kLatestLegacy = 3;

}  // namespace

std::span<const Revision> revisions() {
  return kRevisions;
}

const Revision* find_revision(std::string_view name, Era era) {
  const auto* found = std::find_if(
      kRevisions.begin(), kRevisions.end(),
      [&](const Revision& revision) { return revision.name == name && revision.era == era; });
  return found == kRevisions.end() ? nullptr : found;
}

const Revision& latest_legacy_revision() {
  return kRevisions[kLatestLegacy];
}

std::vector<std::string_view> revision_names(Era era) {
  std::vector<std::string_view> names;
  for (const Revision& revision : kRevisions) {
    if (revision.era == era) {
      names.push_back(revision.name);
    }
  }
  return names;
}

}  // namespace omcp_r::mcp
