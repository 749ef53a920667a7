#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"

namespace omcp_r::tools {

/// A failed call: isError, success false, error {code, message, retryable}.
mcp::ToolResult failure(const Error& error);

/// A result whose text is the JSON of its structured content.
mcp::ToolResult plain_result(mcp::Json structured);

/// `result` with what it says in typed fields in _meta["omcp-r-sandbox/result"] alone, since many
/// hosts show a model structured content in place of the text. What says nothing is left out there,
/// and so is what the text has.
mcp::ToolResult as_text(mcp::ToolResult result);

/// create_sandbox's answer, in sentences and in fields. `data_dir` is the folder of the person's
/// machine that /data is; "" where there is none.
mcp::ToolResult created_result(const sandbox::SandboxView& view,
                               const sandbox::Surroundings& around, const std::string& data_dir);

/// One sandbox as create_sandbox and list_sandboxes tell of it.
mcp::Json sandbox_json(const sandbox::SandboxView& view);

/// All of them as list_sandboxes answers: of very many, those that ended first are left out.
mcp::Json sandboxes_json(const std::vector<sandbox::SandboxView>& views);

/// A file that a run made or changed.
struct ResultFile {
  sandbox::FileEntry entry;
  std::string saved_as;    ///< on the host; "" where it is not to be saved
  std::string save_error;  ///< why it could not be
};
std::vector<ResultFile> result_files(const sandbox::Execution& execution);

/// The pages that a run drew, as they stand in its output; without those of files, which are in
/// result_files().
std::vector<const sandbox::Plot*> pages_in_order(const sandbox::Execution& execution);

/// What a call of execute_r_code knows besides the execution.
struct CallFacts {
  std::string sandbox_id;
  std::string sandbox_note;        ///< what the caller, who left it out, should know of the sandbox
  std::vector<ResultFile> files;   ///< none while it runs
  std::vector<std::string> notes;  ///< of saving them
  std::string saved_in;            ///< the folder on the host; "" where nothing is saved
  std::size_t plots_saved = 0;     ///< there
};

/// Marks the plots that `result` shows of an execution that goes on: a later answer does not show
/// them again, unless they may still have been drawn on.
void note_told(sandbox::Execution& execution, const mcp::ToolResult& result);

/// What execute_r_code answers about `execution`, done or not: text and images as they happened,
/// then notes and links. As one line it has less than 1,000,000 bytes, whatever the worker told.
mcp::ToolResult execution_result(const sandbox::Execution& execution, const CallFacts& facts);

/// The resource of a sandbox that lists all packages.
inline constexpr const char* kPackagesName = ".packages";
inline constexpr const char* kObjectsName = ".objects";
inline constexpr const char* kScriptResource = ".session.R";
/// Whether a resource of that name is ours: a file of the same name is read by R alone.
bool is_own_resource(const std::string& path);

/// Guessed from the file's ending.
std::string mime_type_of(const std::string& path);

/// A path with what a URI cannot hold as %XX; as sandbox://ID/PATH; and back.
std::string percent_encode(const std::string& path);
std::string resource_uri(const std::string& sandbox_id, const std::string& path);
std::string percent_decode(const std::string& text);

}  // namespace omcp_r::tools
