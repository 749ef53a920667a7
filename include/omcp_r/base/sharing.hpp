#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace omcp_r {

// Which folders may be shared with sandboxes, by their paths alone.

/// Whether `inner` is `outer` or lies in it.
bool is_within(const std::filesystem::path& inner, const std::filesystem::path& outer);

/// An absolute path without "..", "." and a slash at its end.
std::filesystem::path plain_path(const std::filesystem::path& path);

/// Why nobody shares this folder on purpose, as the end of a sentence: it belongs to the system, is
/// a home folder, holds keys... `folder` is a plain path that follows no links; `home` may be
/// empty.
std::optional<std::string> not_for_sharing(const std::filesystem::path& folder,
                                           const std::filesystem::path& home);

/// What the person at a Mac or at Windows calls a folder that Docker Desktop's machine names in its
/// own way: /Users/ann for /host_mnt/Users/ann, C:/Users/ann for /run/desktop/mnt/host/c/Users/ann.
/// Any other path as it is.
std::string name_for_person(const std::string& path);

}  // namespace omcp_r
