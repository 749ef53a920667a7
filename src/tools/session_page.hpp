#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace omcp_r::tools {

/// How the page begins: what begins so is ours, and may be replaced.
inline constexpr const char* kPageMark = "<!DOCTYPE html>\n<!-- Made by omcp-r-sandbox";
inline constexpr const char* kPageName = "index.html";
inline constexpr const char* kScriptName = "session.R";

/// "plot-007.png"
std::string plot_name(unsigned number);
/// Which plot of the session a file is; 0 for none.
unsigned plot_number(const std::string& name);
/// Whether a file of R's with this path would stand where one of ours does.
bool is_name_of_ours(const std::string& path);

/// A file that lies in a sandbox's folder.
struct PageEntry {
  std::string path;  ///< relative; any bytes
  std::uint64_t size = 0;
  std::int64_t time = 0;  ///< when it was written, in nanoseconds since the epoch
};

/// What lies below `folder`: plain files whose names do not begin with a dot, through no link; of
/// very many, not all.
std::vector<PageEntry> page_entries(const std::string& folder);

/// The number that the next plot gets there.
unsigned next_plot_number(const std::vector<PageEntry>& entries);

/// A page of HTML without scripts that shows all plots by number, and has a link to each other
/// file, in the order in which they came.
std::string session_page(const std::string& sandbox_id, std::vector<PageEntry> entries);

}  // namespace omcp_r::tools
