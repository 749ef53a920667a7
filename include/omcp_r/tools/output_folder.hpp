#pragma once

#include <cstdint>
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
  std::uint64_t free_space = std::uint64_t{1} << 29U;  ///< bytes that the file system keeps
};

/// Those where all sandboxes together may have `all` bytes.
OutputLimits output_limits(std::uint64_t all);

class OutputFolder;

/// A new file in OUTPUT_DIR. It is removed again unless kept.
class OutputFile {
 public:
  OutputFile(UniqueFd folder, UniqueFd file, std::string name, std::string path,
             OutputFolder& owner);
  OutputFile(OutputFile&&) = default;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// An error where the disk or a limit does not allow it, with what to do.
  Status write(std::string_view bytes);
  /// Its path on the host. It stays from now on.
  std::string keep();

 private:
  UniqueFd folder_;
  UniqueFd file_;
  std::string name_;
  std::string path_;
  OutputFolder& owner_;
};

/// What one call may put into OUTPUT_DIR, below a folder with the name of its sandbox.
class OutputFolder {
 public:
  /// Counts what is there of any sandbox.
  OutputFolder(std::string path, const std::string& sandbox_id, const OutputLimits& limits = {});

  /// A new file at `relative` below the sandbox's folder, which is made where it is missing. Never
  /// outside of it, never through a link, never over a file that exists: then "-1", "-2"… is put
  /// before the ending. A name that could mislead is changed: see harmless_name().
  Result<OutputFile> create(const std::string& relative);

 private:
  friend class OutputFile;
  Status take(int fd, std::uint64_t bytes);

  std::string path_;
  std::string sandbox_id_;
  OutputLimits limits_;
  std::uint64_t entries_ = 0;
  std::uint64_t all_ = 0;
  std::uint64_t sandbox_ = 0;
  std::uint64_t call_ = 0;
};

/// `name`, of a file or folder, without what a program of the host could take for an order:
/// programs read .Rprofile, .envrc or .git unasked, and "-rf" is an option.
std::string harmless_name(std::string_view name);

}  // namespace omcp_r::tools
