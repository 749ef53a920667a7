#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::app {

// The messages of these errors complete the sentence "it must be ...".

/// `path` with a leading "~" or "~/" replaced by `home`; an error where that cannot be done, and
/// where the result is not absolute.
Result<std::string> absolute_path(std::string_view path, const std::string& home);

/// What sandboxes may do with a folder of the host.
enum class Sharing { kRead, kWrite };

/// The real path of a folder that sandboxes may see. An error for what is no folder, for what this
/// process cannot use that way, and for what nobody shares on purpose: the root, a home folder,
/// /etc, the engine's own files, folders of keys… Links are followed first, so that none of these
/// is reached by another name.
Result<std::string> shared_folder(std::string_view path, const std::string& home, Sharing sharing);

/// The mount points below `folder` in the text of a mountinfo file (proc(5)).
std::vector<std::string> mounts_below(std::string_view mountinfo, const std::string& folder);

/// Whether `folder` lies on a file system that was mounted there on purpose: neither on the root's
/// nor in memory, which end with a container.
bool is_mounted(std::string_view mountinfo, const std::string& folder);

/// Whether what is mounted at `folder` may be shared: in a container a link of the machine outside
/// has become the folder behind it, which mountinfo names.
Status check_mounted(std::string_view mountinfo, const std::string& folder);

/// Whether two folders are one, or one lies in the other: also where a mount or a link gives them
/// names that do not show it.
bool overlap(std::string_view mountinfo, const std::string& one, const std::string& other);

/// The text of this process's mountinfo file.
std::string own_mounts();

/// Sockets and named pipes below `folder`, through no link, at most `most` of them: who may read
/// the folder may talk to who listens there. Looks at so many entries as takes a moment.
std::vector<std::string> talking_files(const std::string& folder, std::size_t most);

}  // namespace omcp_r::app
