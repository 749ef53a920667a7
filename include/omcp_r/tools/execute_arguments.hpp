#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/sandbox/settings.hpp"

namespace omcp_r::tools {

/// A file that the caller sends along.
struct InputFile {
  std::string path;  ///< plain, below /sandbox
  std::string bytes;
};

/// What a call of execute_r_code asks for.
struct ExecuteArguments {
  std::optional<std::string> sandbox_id;    ///< none: the server's own sandbox
  std::optional<std::string> execution_id;  ///< never together with code
  bool has_code = false;
  bool interrupt = false;
  sandbox::ExecutionRequest request;
  std::chrono::milliseconds wait{45000};
  std::vector<InputFile> files;
};

/// Errc::kInvalidArgument with what is wrong first.
Result<ExecuteArguments> parse_execute(const mcp::Json& arguments,
                                       const sandbox::Settings& settings);

/// The code inside of a Markdown fence, where `code` is one fenced block of R and nothing else;
/// models write so. Anything else is returned as it is.
std::string unfenced(std::string code);

/// `path` relative to /sandbox, where it is absolute and below it; else as it is.
std::string_view below_sandbox(std::string_view path);

}  // namespace omcp_r::tools
