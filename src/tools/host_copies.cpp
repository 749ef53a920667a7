#include "omcp_r/tools/host_copies.hpp"

#include <algorithm>
#include <utility>

#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"
#include "session_page.hpp"

namespace omcp_r::tools {
namespace {

using mcp::asio::awaitable;

/// Of one file that is saved on the host.
constexpr std::size_t kMaxSaved = std::size_t{24} << 20;
constexpr std::size_t kMaxSavedFiles = 1'000;
constexpr std::size_t kMaxReason = 300;
/// Executions of which is known what has been saved: a sandbox keeps fewer to be collected again.
constexpr std::size_t kMaxRecent = 32;

/// For the two files that are written at each call. No call fails since one of them cannot be.
void replace_own(OutputFolder& folder, const std::string& name, std::string_view bytes,
                 std::string_view mark) {
  auto file = folder.create(name, true);
  Status written = file ? file->write(bytes) : Status{file.error()};
  if (written) {
    const auto kept = file->keep_over(mark);
    written = kept ? Status{Ok{}} : Status{kept.error()};
  }
  if (!written) {
    log::warning("a file was not written to OUTPUT_DIR",
                 {{"file", name}, {"reason", written.error().message}});
  }
}

}  // namespace

HostCopies::SavedPtr HostCopies::saved_of(const std::string& execution_id,
                                          const std::vector<ResultFile>& files) {
  const auto known = std::find_if(recent_.begin(), recent_.end(), [&](const SavedPtr& saved) {
    return saved->execution_id == execution_id;
  });
  if (known != recent_.end()) {
    return *known;
  }
  auto saved = std::make_shared<Saved>();
  saved->execution_id = execution_id;
  saved->files = files;
  recent_.push_back(saved);
  if (recent_.size() > kMaxRecent) {
    recent_.pop_front();
  }
  return saved;
}

std::string HostCopies::path_of(const std::string& sandbox_id) const {
  return sandboxes_.settings().output_dir + "/" + sandbox_id;
}

// With the folder by its name outside, where the server itself runs in a container.
std::string HostCopies::told(const Error& error) const {
  const std::string inside = sandboxes_.settings().output_dir + "/";
  std::string message = error.message;
  if (const auto at = message.find(inside); at != std::string::npos) {
    message.replace(at, inside.size(), sandboxes_.outside(inside));
  }
  return printable(message, kMaxReason);
}

awaitable<void> HostCopies::save(sandbox::ExecutionPtr execution, CallFacts& facts,
                                 Clock::time_point deadline, mcp::CallContext& call) {
  if (sandboxes_.settings().output_dir.empty()) {
    co_return;
  }
  const SavedPtr saved = saved_of(execution->id, facts.files);
  while (saved->busy && Clock::now() < deadline) {
    co_await execution->changed.wait_until(deadline);
  }
  if (!saved->busy && !saved->done) {
    saved->busy = true;
    const Work work{execution, saved, facts.sandbox_id, deadline};
    co_await save_all(work, facts, call);
    saved->busy = false;
    execution->changed.notify_all();
  }
  facts.files = saved->files;
  facts.saved_in = sandboxes_.outside(path_of(facts.sandbox_id));
  facts.plots_saved = saved->plots;
}

awaitable<void> HostCopies::save_all(const Work& work, CallFacts& facts, mcp::CallContext& call) {
  OutputFolder folder{sandboxes_.settings().output_dir, work.sandbox_id, usage_,
                      output_limits(sandboxes_.settings().output_max_bytes)};
  save_plots(work, facts, folder);
  const bool answers = co_await save_files(work, facts, folder, call);
  if (answers && !call.cancelled() && Clock::now() < work.deadline) {
    co_await save_script(work, folder);
    work.saved->done = true;
  }
  save_page(work.sandbox_id, folder);
}

void HostCopies::save_plots(const Work& work, CallFacts& facts, OutputFolder& folder) {
  if (work.saved->plots_done) {
    return;
  }
  work.saved->plots_done = true;
  const std::vector<const sandbox::Plot*> plots = pages_in_order(*work.execution);
  unsigned number = plots.empty() ? 0 : next_plot_number(page_entries(path_of(work.sandbox_id)));
  for (const sandbox::Plot* plot : plots) {
    const auto kept = folder.save(plot_name(number), plot->bytes);
    if (!kept) {
      const std::size_t left = plots.size() - work.saved->plots;
      facts.notes.push_back(std::to_string(left) + (left == 1 ? " plot was" : " plots were") +
                            " not saved on the host: " + told(kept.error()));
      return;
    }
    ++number;
    ++work.saved->plots;
  }
}

// What cannot be copied is said beside the file and in a note, as is what there is no time for.
// False where the sandbox does not answer.
awaitable<bool> HostCopies::save_files(const Work& work, CallFacts& facts, OutputFolder& folder,
                                       mcp::CallContext& call) {
  std::vector<ResultFile>& files = work.saved->files;
  const std::size_t most = std::min(files.size(), kMaxSavedFiles);
  std::size_t tried = 0;
  bool answers = true;
  while (tried < most && answers && !call.cancelled() && Clock::now() < work.deadline) {
    if (files[tried].saved_as.empty()) {
      answers = co_await save_file(work.sandbox_id, files[tried], folder);
    }
    ++tried;
  }
  if (tried < files.size()) {
    facts.notes.push_back(std::to_string(files.size() - tried) +
                          " files were not saved on the host, since that would have taken too "
                          "long: they are in /sandbox, and resources can be read.");
  }
  co_return answers;
}

// False where the sandbox does not answer: asking for more would take as long again.
awaitable<bool> HostCopies::save_file(const std::string& id, ResultFile& file,
                                      OutputFolder& folder) {
  const std::string& path = file.entry.path;
  auto copy = folder.create(is_name_of_ours(path) ? "_" + path : path);
  if (!copy) {
    file.save_error = told(copy.error());
    co_return true;
  }
  const sandbox::ByteSink sink = [&copy](std::string_view slice) { return copy->write(slice); };
  const Status saved = co_await sandboxes_.get(id, path, kMaxSaved, sink);
  if (saved) {
    const auto kept = copy->keep();
    file.saved_as = kept ? sandboxes_.outside(*kept) : "";
    file.save_error = kept ? "" : told(kept.error());
    co_return true;
  }
  file.save_error = told(saved.error());
  const Errc code = saved.error().code;
  co_return code == Errc::kInvalidArgument || code == Errc::kLimitReached ||
      code == Errc::kInternal;
}

awaitable<void> HostCopies::save_script(const Work& work, OutputFolder& folder) {
  const sandbox::Outcome outcome = work.execution->outcome;
  if (outcome == sandbox::Outcome::kSandboxEnded || outcome == sandbox::Outcome::kEngineLost) {
    co_return;  // nobody would answer, and the call would wait for it
  }
  const auto script = co_await script_of_session(sandboxes_, work.sandbox_id);
  if (!script) {
    co_return;  // whatever is wrong there, a later call tells
  }
  // The code of a session that has ended is not in the new one's: it is kept as an earlier version.
  replace_own(folder, kScriptName, *script, script_mark(*script));
}

void HostCopies::save_page(const std::string& sandbox_id, OutputFolder& folder) {
  std::vector<PageEntry> entries = page_entries(path_of(sandbox_id));
  if (!entries.empty()) {
    replace_own(folder, kPageName, session_page(sandbox_id, std::move(entries)), kPageMark);
  }
}

}  // namespace omcp_r::tools
