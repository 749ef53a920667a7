#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "omcp_r/base/clock.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"
#include "omcp_r/tools/output_folder.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {

/// What calls leave in OUTPUT_DIR, in a folder with the name of their sandbox: the files that R
/// made, plot-001.png and so on, session.R with the code so far, and index.html, which shows it
/// all. Files of R's that have these names get a "_" before theirs.
class HostCopies {
 public:
  explicit HostCopies(sandbox::Sandboxes& sandboxes) : sandboxes_(sandboxes) {}

  /// Saves what `execution`, which is done, has left, where there is an OUTPUT_DIR: once, however
  /// often it is collected. Files that could not be saved say why, and `facts.notes` what there was
  /// no time for.
  mcp::asio::awaitable<void> save(sandbox::ExecutionPtr execution, CallFacts& facts,
                                  Clock::time_point deadline, mcp::CallContext& call);

 private:
  /// What has been saved of an execution.
  struct Saved {
    std::string execution_id;
    std::vector<ResultFile> files;
    std::size_t plots = 0;
    bool plots_done = false;
    bool done = false;
    bool busy = false;  ///< a call is saving it
  };
  using SavedPtr = std::shared_ptr<Saved>;
  struct Work {
    sandbox::ExecutionPtr execution;
    SavedPtr saved;
    std::string sandbox_id;
    Clock::time_point deadline;
  };

  SavedPtr saved_of(const std::string& execution_id, const std::vector<ResultFile>& files);
  [[nodiscard]] std::string path_of(const std::string& sandbox_id) const;
  [[nodiscard]] std::string told(const Error& error) const;
  mcp::asio::awaitable<void> save_all(const Work& work, CallFacts& facts, mcp::CallContext& call);
  void save_plots(const Work& work, CallFacts& facts, OutputFolder& folder);
  mcp::asio::awaitable<bool> save_files(const Work& work, CallFacts& facts, OutputFolder& folder,
                                        mcp::CallContext& call);
  mcp::asio::awaitable<bool> save_file(const std::string& id, ResultFile& file,
                                       OutputFolder& folder);
  mcp::asio::awaitable<void> save_script(const Work& work, OutputFolder& folder);
  void save_page(const std::string& sandbox_id, OutputFolder& folder);

  sandbox::Sandboxes& sandboxes_;
  OutputUsage usage_;  ///< what OUTPUT_DIR holds
  std::deque<SavedPtr> recent_;
};

}  // namespace omcp_r::tools
