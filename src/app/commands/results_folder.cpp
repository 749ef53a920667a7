#include "commands/results_folder.hpp"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "commands/say.hpp"
#include "commands/signals.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxReason = 300;

std::string counted(std::size_t n, const char* what) {
  return n == 0 ? "" : std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

bool tell(const Result<std::string>& kept, const std::string& name) {
  constexpr std::size_t kMaxPath = 4096;
  if (kept) {
    const std::string path = fs::path(*kept).lexically_normal().string();
    std::fprintf(stderr, "%s\n", printable(path, kMaxPath).c_str());
  } else {
    complain(printable(name, kMaxReason) +
             " was not saved: " + printable(kept.error().message, kMaxReason));
  }
  return static_cast<bool>(kept);
}

}  // namespace

Result<std::string> folder_of_out(const Words& words) {
  const std::string out = words.last("--out");
  if (!words.has("--out")) return out;
  if (out.empty()) return Error{Errc::kInvalidArgument, "--out names no folder"};
  std::error_code failure;
  fs::create_directories(out, failure);
  const fs::path real = fs::canonical(out, failure);
  if (failure || !fs::is_directory(real)) {
    return Error{Errc::kInvalidArgument, "--out " + app::shown(out) + " cannot be made a folder"};
  }
  return real.string();
}

void ResultsFolder::hint(std::size_t plots, std::size_t files) {
  const std::string made = counted(plots, "plot");
  const std::string also = counted(files, "file");
  if (hinted_ || (made + also).empty()) return;
  hinted_ = true;
  complain("R made " + made + (made.empty() || also.empty() ? "" : " and ") + also +
           ": --out FOLDER keeps such");
}

asio::awaitable<bool> ResultsFolder::keep(std::string sandbox, sandbox::ExecutionPtr execution,
                                          StandardOutput& output) {
  const std::vector<const sandbox::Plot*> plots = tools::pages_in_order(*execution);
  for (const sandbox::Plot* plot : plots) output.show(plot->bytes);
  const std::vector<tools::ResultFile> files = tools::result_files(*execution);
  const auto unlisted = execution->report ? execution->report->files_left_out : 0;
  if (path_.empty()) {
    hint(plots.size(), files.size() + unlisted);
    co_return true;
  }
  tools::OutputFolder folder{path_, "", usage_,
                             tools::output_limits(sandboxes_.settings().output_max_bytes)};
  bool good = true;
  for (const sandbox::Plot* plot : plots) {
    const bool png = plot->bytes.starts_with("\x89PNG");
    const std::string name = "plot-" + std::to_string(++plots_) + (png ? ".png" : ".jpg");
    good = tell(folder.save(name, plot->bytes), "a plot") && good;
  }
  for (const tools::ResultFile& one : files) {
    if (signalled()) break;
    const auto kept = co_await keep_file(folder, sandbox, one.entry.path);
    good = tell(kept, one.entry.path) && good;
  }
  if (unlisted > 0) {
    complain(counted(unlisted, "further file") +
             " of R's was not saved: there are too many, or their names cannot be told. Put them "
             "into an archive, or save fewer");
  }
  co_return good&& unlisted == 0;
}

/// In parts, each of which has its own time to come.
asio::awaitable<Result<std::string>> ResultsFolder::keep_file(tools::OutputFolder& folder,
                                                              std::string sandbox,
                                                              std::string path) {
  constexpr std::uint64_t kPart = std::uint64_t{4} << 20;
  auto file = folder.create(path);
  if (!file) co_return file.error();
  std::uint64_t size = 1;
  for (std::uint64_t at = 0; at < size && !signalled();) {
    const auto part = co_await sandboxes_.get_part(sandbox, path, at, kPart);
    if (!part) co_return part.error();
    const Status written = file->write(part->bytes);
    if (!written) co_return written.error();
    size = part->size;
    at += part->bytes.size();
    if (part->bytes.empty()) break;
  }
  if (signalled()) co_return Error{Errc::kInvalidArgument, "stopped"};
  co_return file->keep();
}

}  // namespace omcp_r::commands
