#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "commands/standard_output.hpp"
#include "commands/words.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"
#include "omcp_r/tools/output_folder.hpp"

namespace omcp_r::commands {

namespace asio = boost::asio;

/// What --out names, made where it is missing, as its real path; "" where it is not given.
Result<std::string> folder_of_out(const Words& words);

/// The plots and files of what a person has run: on the terminal, and in a folder of theirs.
class ResultsFolder {
 public:
  /// Without a `path` nothing is kept, and that there would be something is told once.
  ResultsFolder(sandbox::Sandboxes& sandboxes, std::string path)
      : sandboxes_(sandboxes), path_(std::move(path)) {}

  /// Whether all was kept that was to be, of an execution that is done. What is kept is told on
  /// stderr, and so is what is not.
  asio::awaitable<bool> keep(std::string sandbox, sandbox::ExecutionPtr execution,
                             StandardOutput& output);

 private:
  void hint(std::size_t plots, std::size_t files);
  asio::awaitable<Result<std::string>> keep_file(tools::OutputFolder& folder, std::string sandbox,
                                                 std::string path);

  sandbox::Sandboxes& sandboxes_;
  std::string path_;
  tools::OutputUsage usage_;
  std::size_t plots_ = 0;  ///< kept so far
  bool hinted_ = false;
};

}  // namespace omcp_r::commands
