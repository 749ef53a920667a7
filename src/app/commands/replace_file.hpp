#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"

namespace omcp_r::commands {

/// Longest file that is read.
inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

/// The text of a regular file; nullopt where there is none.
Result<std::optional<std::string>> read_text(const std::string& path);

/// Puts `text` in place of `before`, which is what the file was read as; nullopt makes a new file
/// that only its owner reads, and its folder. At no moment is there half a file: whoever opens it
/// meets the old or the new one. Mode and, where that is permitted, owner stay, and what root makes
/// belongs to the owner of the folder; a link stays one,
/// and the file that it leads to is replaced. Refuses where somebody else has changed the file
/// since. Gives the path of the backup that now lies beside the file; "" for a new one.
Result<std::string> replace_file(const std::string& path, const std::optional<std::string>& before,
                                 std::string_view text);

/// Whether there is a folder for a file and what is made beside it, or one can be made.
Status check_folder(const std::string& path);

/// Takes away a file that still says `before`: for one that was made by us and holds nothing else,
/// so that there is no backup.
Status remove_file(const std::string& path, const std::string& before);

/// Keeps `text`, which is what the file was read as, beside it, for whoever changes it by another
/// door than replace_file(). Gives the path of the backup.
Result<std::string> back_up(const std::string& path, std::string_view text);
/// Puts a backup in the place of the file that it is of, whatever is there now.
Status put_back(const std::string& backup);
Status drop(const std::string& backup);

/// Whether `entry`, a name in the folder of `path`, is that of a backup of it.
bool is_backup(const std::string& entry, const std::string& path);

/// The newest 64 backups of a file, the newest first.
std::vector<std::string> backups_of(const std::string& path);

}  // namespace omcp_r::commands
