#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace omcp_r::mcp {

/// Legacy revisions open with a handshake; modern ones carry all they need in every request.
enum class Era { kLegacy, kModern };

/// What a revision of the protocol knows. A new one is one more row in revision.cpp.
struct Revision {
  std::string_view name;
  Era era = Era::kLegacy;
  bool batches = false;           ///< arrays of messages
  bool tool_annotations = false;  ///< also: audio, messages in progress notifications
  bool structured_content =
      false;  ///< also: titles, output schemas, _meta of tools, resource links
  bool server_description = false;  ///< also: website; ids are optional in errors

  [[nodiscard]] bool modern() const { return era == Era::kModern; }
};

/// All of them, oldest first.
std::span<const Revision> revisions();

/// Null if there is none of that name and era.
const Revision* find_revision(std::string_view name, Era era);

/// What a client is offered that asks for a revision without a handshake, or an unknown one.
const Revision& latest_legacy_revision();

/// The names of one era's revisions, oldest first.
std::vector<std::string_view> revision_names(Era era);

}  // namespace omcp_r::mcp
