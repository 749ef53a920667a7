#include "omcp_r/tools/results.hpp"

#include <algorithm>
#include <utility>

#include "line_budget.hpp"
#include "notes.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/rpc/json_text.hpp"
#include "report_json.hpp"
#include "verdict.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;
using sandbox::Execution;
using sandbox::Outcome;

/// Of all files of a result, in bytes on the wire.
constexpr std::size_t kFileBytes = 120'000;
/// The names of a link's members, beside what they hold.
constexpr std::size_t kLink = 120;
constexpr std::size_t kMaxMessage = 8'000;
constexpr std::size_t kMaxSandboxes = 500;

Json error_json(const Verdict& verdict) {
  Json json = Json::object();
  json["code"] = verdict.code;
  json["message"] = verdict.message;
  json["retryable"] = verdict.retryable;
  return json;
}

Json r_error_json(const Execution& execution, const Verdict& verdict) {
  Json json = error_json(verdict);
  if (execution.report && execution.report->error) {
    add_condition(json, *execution.report->error);
  } else {
    json["message"] = "R ended the code with an error that it did not describe; see the output.";
  }
  return json;
}

/// All but output, files and notes.
Json execution_json(const Execution& execution, const Verdict& verdict) {
  const bool failed = execution.done && verdict.code[0] != '\0';
  Json json = Json::object();
  json["success"] = !failed;
  json["status"] = execution.done ? "done" : "running";
  json["execution_id"] = execution.id;
  json["output"] = "";
  if (execution.done) {
    json["exit_code"] = verdict.exit_code;
  }
  if (failed) {
    json["error"] = execution.outcome == Outcome::kError ? r_error_json(execution, verdict)
                                                         : error_json(verdict);
  }
  json["warnings"] =
      warnings_json(execution.report ? execution.report->warnings : execution.warnings);
  if (execution.report && execution.report->value) {
    json["value"] = value_json(*execution.report->value);
  }
  json["plots"] = pages_of(execution);
  if (execution.report && !execution.report->left_running.empty()) {
    json["left_running"] = left_running_json(execution.report->left_running);
  }
  return json;
}

mcp::ResourceLink link_of(const std::string& sandbox_id, const sandbox::FileEntry& entry) {
  mcp::ResourceLink link;
  link.uri = resource_uri(sandbox_id, entry.path);
  link.name = entry.path;
  link.mime_type = mime_type_of(entry.path);
  link.size = entry.size;
  return link;
}

Json file_json(const ResultFile& file, const mcp::ResourceLink& link) {
  Json json = Json::object();
  json["path"] = file.entry.path;
  json["size"] = file.entry.size;
  json["mime"] = link.mime_type;
  json["uri"] = link.uri;
  if (!file.saved_as.empty()) {
    json["saved_as"] = file.saved_as;
  }
  if (!file.save_error.empty()) {
    json["save_error"] = file.save_error;
  }
  return json;
}

/// The files that fit, each as an object and as a link.
struct ShownFiles {
  Json json = Json::array();
  std::vector<mcp::ResourceLink> links;
  std::size_t bytes = 0;
};

ShownFiles shown_files(const CallFacts& facts) {
  ShownFiles shown;
  for (const ResultFile& file : facts.files) {
    mcp::ResourceLink link = link_of(facts.sandbox_id, file.entry);
    Json json = file_json(file, link);
    const std::size_t bytes =
        json_bytes(json) + link.uri.size() + text_bytes(link.name) + link.mime_type.size() + kLink;
    if (shown.bytes + bytes > kFileBytes) {
      break;
    }
    shown.bytes += bytes;
    shown.json.push_back(std::move(json));
    shown.links.push_back(std::move(link));
  }
  return shown;
}

/// Apart from the output, which could have lines that look like notes.
std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) {
    text += "[" + note + "]\n";
  }
  return text;
}

}  // namespace

mcp::ToolResult failure(const Error& error) {
  Verdict verdict = verdict_of(error);
  verdict.message = cut_text(verdict.message, kMaxMessage);
  Json json = Json::object();
  json["success"] = false;
  if (error.code == Errc::kBusy) {
    json["exit_code"] = verdict.exit_code;
  }
  json["error"] = error_json(verdict);
  mcp::ToolResult result;
  result.is_error = true;
  result.content.emplace_back(mcp::TextContent{std::string{verdict.code} + ": " + verdict.message});
  result.structured = std::move(json);
  return result;
}

mcp::ToolResult plain_result(Json structured) {
  mcp::ToolResult result;
  result.content.emplace_back(mcp::TextContent{rpc::to_text(structured)});
  result.structured = std::move(structured);
  return result;
}

Json sandbox_json(const sandbox::SandboxView& view) {
  Json json = Json::object();
  json["id"] = view.id;
  json["created_at"] = rfc3339(view.created_at);
  json["last_used"] = rfc3339(view.last_used);
  json["state"] = sandbox::phase_name(view.phase);
  if (view.phase == sandbox::Phase::kEnded) {
    json["ended_at"] = rfc3339(view.ended_at);
    json["end_reason"] = view.end_reason;
  } else {
    json["expires_at"] = rfc3339(view.expires_at);
  }
  json["executions"] = view.executions;
  json["image"] = view.image;
  json["r_version"] = view.r_version;
  json["memory_mb"] = view.memory_bytes >> 20U;
  json["cpus"] = view.cpus;
  if (view.foreign) {
    json["foreign"] = true;
  }
  return json;
}

Json sandboxes_json(const std::vector<sandbox::SandboxView>& views) {
  std::size_t over = views.size() - std::min(views.size(), kMaxSandboxes);
  const std::size_t all_over = over;
  Json json = Json::object();
  json["success"] = true;
  json["sandboxes"] = Json::array();
  Json& list = json["sandboxes"];
  for (const sandbox::SandboxView& view : views) {
    if (over > 0 && view.phase == sandbox::Phase::kEnded) {
      --over;
    } else if (list.size() < kMaxSandboxes) {
      list.push_back(sandbox_json(view));
    }
  }
  json["count"] = list.size();
  if (all_over > 0) {
    json["left_out"] = all_over;
  }
  return json;
}

std::vector<ResultFile> result_files(const Execution& execution) {
  std::vector<ResultFile> files;
  if (execution.report) {
    for (const sandbox::FileEntry& entry : execution.report->files) {
      files.push_back({entry, "", ""});
    }
  }
  return files;
}

mcp::ToolResult execution_result(const Execution& execution, const CallFacts& facts) {
  const Verdict verdict = execution.done ? verdict_of(execution) : Verdict{};
  Json json = execution_json(execution, verdict);
  ShownFiles files = shown_files(facts);
  const std::size_t taken = json_bytes(json) + files.bytes + 2 * kNoteBytes;
  const std::size_t plot_room = std::min(kPlotBytes, kLineBudget - taken - 2 * kLeastOutput);
  const std::size_t plots = execution.done ? plots_that_fit(execution.plots, plot_room) : 0;
  const std::vector<std::string> notes = notes_of(execution, facts, plots, files.links.size());
  FittedOutput output = output_that_fits(
      execution.transcript, (kLineBudget - taken - plots_bytes(execution.plots, plots)) / 2);

  mcp::ToolResult result;
  // So that the first text is never notes, nor can be taken for them.
  const bool nothing = output.text.empty() && (!notes.empty() || plots == 0);
  for (const std::string& text :
       {nothing ? std::string{"(no output)\n"} : output.text, notes_text(notes)}) {
    if (!text.empty()) {
      result.content.emplace_back(mcp::TextContent{text});
    }
  }
  for (std::size_t i = 0; i < plots; ++i) {
    result.content.emplace_back(mcp::ImageContent{execution.plots[i]});
  }
  for (mcp::ResourceLink& link : files.links) {
    result.content.emplace_back(std::move(link));
  }
  json["output"] = std::move(output.text);
  json["files"] = std::move(files.json);
  json["timed_out"] = execution.outcome == Outcome::kTimedOut;
  json["truncated"] = output.shortened || execution.transcript.truncated();
  json["elapsed_ms"] = execution.elapsed().count();
  json["session_restarted"] = execution.session_restarted;
  json["notes"] = notes;
  json["sandbox_id"] = facts.sandbox_id;
  result.is_error = !json["success"].get<bool>();
  result.structured = std::move(json);
  return result;
}

}  // namespace omcp_r::tools
