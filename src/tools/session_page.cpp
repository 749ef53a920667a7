#include "session_page.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <tuple>
#include <utility>

#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntries = 10'000;
constexpr std::size_t kMaxPage = 2'000'000;
constexpr std::size_t kMaxName = 1'024;
constexpr std::string_view kPlot = "plot-";
constexpr std::string_view kPng = ".png";
/// Pages of the host's file system are opened as files, for which 'self' has no meaning everywhere.
constexpr const char* kPolicy =
    "default-src 'none'; img-src 'self' file:; base-uri 'none'; form-action 'none'";

std::string escaped(const std::string& name) {
  std::string out;
  for (const char c : printable(name, kMaxName)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string link_to(const std::string& path, const std::string& what) {
  return "<a href=\"" + percent_encode(path) + "\">" + what + "</a>";
}

std::string picture_of(const PageEntry& file) {
  return link_to(file.path, "<img src=\"" + percent_encode(file.path) + "\" alt=\"" +
                                escaped(file.path) + "\">");
}

std::string plot_item(const PageEntry& plot) {
  return "<p>" + picture_of(plot) + "<br>" + escaped(plot.path) + "</p>\n";
}

bool is_picture(const PageEntry& file) {
  const std::string type = mime_type_of(file.path);
  return type == "image/png" || type == "image/jpeg" || type == "image/svg+xml";
}

std::string file_item(const PageEntry& file) {
  return "<p>" + (is_picture(file) ? picture_of(file) + "<br>" : "") +
         link_to(file.path, escaped(file.path)) + " (" + std::to_string(file.size) +
         " bytes)</p>\n";
}

/// The last of the items that fit the page, and how many do not.
std::string section(const char* title, const std::vector<std::string>& items, std::size_t room) {
  if (items.empty()) {
    return "";
  }
  std::size_t left = items.size();
  std::size_t bytes = 0;
  while (left > 0 && bytes + items[left - 1].size() <= room) {
    --left;
    bytes += items[left].size();
  }
  std::string text = "<h2>" + std::string{title} + "</h2>\n";
  text += left == 0 ? "" : "<p>" + std::to_string(left) + " earlier ones are not shown</p>\n";
  for (std::size_t i = left; i < items.size(); ++i) {
    text += items[i];
  }
  return text;
}

void add_entry(std::vector<PageEntry>& entries, const fs::path& folder, const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return;
  }
  const std::int64_t time =
      std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  entries.push_back({path.string().substr(folder.string().size() + 1),
                     static_cast<std::uint64_t>(info.st_size), time});
}

}  // namespace

std::string plot_name(unsigned number) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "plot-%03u.png", number);
  return name.data();
}

unsigned plot_number(const std::string& name) {
  unsigned number = 0;
  if (name.size() <= kPlot.size() + kPng.size() || !name.starts_with(kPlot)) {
    return 0;
  }
  const char* const from = name.data() + kPlot.size();
  const auto parsed = std::from_chars(from, name.data() + name.size(), number);
  // Only as we write it: "plot-7.png" is a file of R's.
  return parsed.ec == std::errc{} && plot_name(number) == name ? number : 0;
}

bool is_name_of_ours(const std::string& path) {
  // Some file systems take letters of either case for the same.
  std::string name = path;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  name.resize(std::min(name.find('/'), name.size()));  // of a folder, all that is in it
  return name == kPageName || name == "session.r" || plot_number(name) > 0;
}

std::vector<PageEntry> page_entries(const std::string& folder) {
  std::vector<PageEntry> entries;
  std::error_code error;
  fs::recursive_directory_iterator entry{folder, fs::directory_options::skip_permission_denied,
                                         error};
  std::size_t seen = 0;
  for (; !error && entry != fs::recursive_directory_iterator{} && seen < kMaxEntries;
       entry.increment(error)) {
    ++seen;
    if (entry->path().filename().string().starts_with('.')) {
      entry.disable_recursion_pending();
    } else {
      add_entry(entries, folder, entry->path());
    }
  }
  return entries;
}

unsigned next_plot_number(const std::vector<PageEntry>& entries) {
  unsigned last = 0;
  for (const PageEntry& entry : entries) {
    last = std::max(last, plot_number(entry.path));
  }
  return last + 1;
}

std::string session_page(const std::string& sandbox_id, std::vector<PageEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const PageEntry& a, const PageEntry& b) {
    return std::tuple{plot_number(a.path), a.time, a.path} <
           std::tuple{plot_number(b.path), b.time, b.path};
  });
  std::vector<std::string> plots;
  std::vector<std::string> files;
  std::string script;
  for (const PageEntry& entry : entries) {
    if (entry.path == kScriptName) {
      script = "<p>" + link_to(kScriptName, kScriptName) + ": the code so far</p>\n";
    } else if (plot_number(entry.path) > 0) {
      plots.push_back(plot_item(entry));
    } else if (entry.path != kPageName) {
      files.push_back(file_item(entry));
    }
  }
  const std::string title = "Sandbox " + escaped(sandbox_id);
  return std::string{kPageMark} + ", anew after each call. -->\n<html lang=\"en\">\n<head>\n" +
         "<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"" +
         kPolicy + "\">\n<title>" + title + "</title>\n</head>\n<body>\n<h1>" + title + "</h1>\n" +
         script + section("Plots", plots, kMaxPage / 2) + section("Files", files, kMaxPage / 2) +
         "</body>\n</html>\n";
}

}  // namespace omcp_r::tools
