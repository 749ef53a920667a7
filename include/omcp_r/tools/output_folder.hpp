#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "omcp_r/base/result.hpp"
#include "omcp_r/base/unique_fd.hpp"

namespace omcp_r::tools {

/// How much of what R makes is kept on the host. What is over is refused.
struct OutputLimits {
  std::uint64_t call = 256U << 20U;                    ///< bytes of one call
  std::uint64_t sandbox = 1U << 30U;                   ///< bytes of one sandbox
  std::uint64_t all = std::uint64_t{4} << 30U;         ///< bytes of all sandboxes
  std::uint64_t entries = 10'000;                      ///< files and folders of all sandboxes
  std::uint64_t sandbox_entries = 2'500;               ///< of one
  std::uint64_t own_entries = 500;                     ///< beyond these, of what we make ourselves
  std::uint64_t free_space = std::uint64_t{1} << 29U;  ///< bytes that the file system keeps
};

/// Those where all sandboxes together may have `all` bytes.
OutputLimits output_limits(std::uint64_t all);

class OutputFolder;

struct OutputAmount {
  std::uint64_t entries = 0;  ///< files and folders
  std::uint64_t bytes = 0;
};

/// What lies in OUTPUT_DIR. Shared by all calls that save at the same time; the first of them
/// counts.
struct OutputUsage {
  OutputAmount all;
  std::map<std::string, OutputAmount> of_sandbox;
  int users = 0;
};

/// A new file in OUTPUT_DIR, under another name until it is kept. Unless that happens it is removed
/// again, with folders made for it that are empty, and nothing of it counts.
class OutputFile {
 public:
  struct Names {
    std::string unfinished;  ///< while it is written
    std::string name;        ///< once it is kept
    std::string folder;      ///< on the host
  };
  OutputFile(UniqueFd folder, UniqueFd file, Names names, OutputFolder& owner);
  OutputFile(OutputFile&&) noexcept = default;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// An error where the disk or a limit does not allow it, with what to do.
  Status write(std::string_view bytes);
  /// Gives it its own name, and returns its path on the host; it stays from now on. What had that
  /// name is not lost, and stands beside it: "-1", "-2"… is put before the ending, upwards as they
  /// were replaced. Where a folder has that name, or a file of the same call, the new one gets the
  /// number.
  Result<std::string> keep();
  /// The same, but a plain file of that name that begins with `mark` is one of ours, and replaced.
  Result<std::string> keep_over(std::string_view mark);

 private:
  [[nodiscard]] std::string path() const { return names_.folder + "/" + names_.name; }

  UniqueFd folder_;
  UniqueFd file_;
  Names names_;
  std::uint64_t bytes_ = 0;
  OutputFolder& owner_;
};

/// What one call may put into OUTPUT_DIR, below a folder with the name of its sandbox.
class OutputFolder {
 public:
  /// `usage` outlives it.
  OutputFolder(std::string path, std::string sandbox_id, OutputUsage& usage,
               const OutputLimits& limits = {});
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  /// A new file at `relative` below the sandbox's folder, which is made where it is missing. Never
  /// outside of it, never through a link, never over what is there. A name that could mislead is
  /// changed: see harmless_name(). For files of our `own` there is room when the others are many.
  Result<OutputFile> create(const std::string& relative, bool own = false);
  /// The whole of a new file of our own. Gives its path on the host.
  Result<std::string> save(const std::string& relative, std::string_view bytes);

 private:
  friend class OutputFile;
  Status take(int fd, std::uint64_t bytes);
  void note(const OutputAmount& amount);
  void note_gone(const OutputAmount& amount);
  Status check_entries(bool own);
  void count();

  std::string path_;
  std::string sandbox_id_;
  OutputLimits limits_;
  OutputUsage& usage_;
  std::uint64_t call_ = 0;
  std::set<std::string> kept_;  ///< by this call: paths on the host
};

/// `name`, of a file or folder, without what a program of the host could take for an order:
/// programs read .Rprofile, .envrc or .git unasked, and "-rf" is an option.
std::string harmless_name(std::string_view name);

}  // namespace omcp_r::tools
