#include "omcp_r/tools/results.hpp"

#include <algorithm>

#include "line_budget.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;
using sandbox::Execution;
using sandbox::Outcome;

struct CodeName {
  const char* name;
  bool retryable;
};

CodeName code_name(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return {"invalid_argument", false};
    case Errc::kNotFound:
      return {"sandbox_not_found", false};
    case Errc::kBusy:
      return {"sandbox_busy", true};
    case Errc::kLimitReached:
      return {"max_sandboxes_reached", true};
    case Errc::kImageNotAllowed:
      return {"image_not_allowed", false};
    case Errc::kImageNotFound:
      return {"image_not_found", false};
    case Errc::kEngineUnavailable:
      return {"engine_unavailable", true};
    case Errc::kEnded:
      return {"sandbox_ended", false};
    case Errc::kTimeout:
      return {"engine_timeout", true};
    case Errc::kLimitsNotApplied:
      return {"limits_not_applied", false};
    case Errc::kInternal:
      break;
  }
  return {"internal_error", false};
}

Json error_json(const char* code, const std::string& message, bool retryable) {
  Json json = Json::object();
  json["code"] = code;
  json["message"] = message;
  json["retryable"] = retryable;
  return json;
}

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

/// What an outcome means for the caller.
struct Verdict {
  int exit_code;
  const char* code;     ///< "" where there is no error, or where R's own stands
  std::string message;  ///< what happened, then what to do
  bool retryable;
};

const char* kept_note(const Execution& execution) {
  return execution.session_restarted
             ? " R had to be started anew: variables and loaded packages are gone, files in "
               "/sandbox are still there."
             : " Variables are still there.";
}

std::string crash_message(const Execution& execution) {
  const int status = execution.exit_status;
  const std::string restarted = kept_note(execution);
  if (status == 137) {
    return "R was killed, most likely because it ran out of memory. Work on less data at a time." +
           restarted;
  }
  return "R ended unexpectedly (status " + std::to_string(status) + ")." + restarted;
}

Verdict verdict_of(const Execution& execution) {
  const std::string kept = kept_note(execution);
  switch (execution.outcome) {
    case Outcome::kOk:
      return {0, "", "", false};
    case Outcome::kError:
      return {1, "r_error", "", false};
    case Outcome::kInterrupted:
      return {execution.session_restarted ? 137 : 130, "interrupted",
              "The code was stopped as asked." + kept, true};
    case Outcome::kTimedOut:
      return {124, "execution_timeout",
              "The code reached its time limit after " + seconds_text(execution.elapsed()) +
                  " and was stopped." + kept + " Give a larger timeout, or do less at a time.",
              true};
    case Outcome::kOutputLimit:
      return {137, "output_limit",
              "The code printed more than is allowed and was stopped." + kept +
                  " Print less, or write to a file.",
              false};
    case Outcome::kQuit:
      return {execution.exit_status, execution.exit_status == 0 ? "" : "r_quit",
              "The code ended R with quit(). The next call starts a new session.", false};
    case Outcome::kCrashed:
      return {137, "r_crashed", crash_message(execution), true};
    case Outcome::kSandboxEnded:
      return {
          137, "sandbox_ended",
          "The sandbox ended while the code ran; its variables and files are gone. Create a new "
          "one with create_sandbox.",
          false};
    case Outcome::kEngineLost:
      return {137, "engine_unavailable",
              "The container engine stopped answering while the code ran. Call execute_r_code with "
              "the execution_id once it is back.",
              true};
    case Outcome::kUnknown:
      break;
  }
  return {1, "execution_not_found",
          "Nothing is known of this execution in the sandbox: it is too old, or R was started anew "
          "since. Run the code again.",
          false};
}

void add_r_error(Json& error, const Json& report) {
  const auto it = report.find("error");
  if (it == report.end() || !it->is_object()) {
    return;
  }
  for (const char* key : {"message", "call", "class", "traceback", "line", "column"}) {
    if (it->contains(key)) {
      error[key] = (*it)[key];
    }
  }
}

std::vector<std::string> notes_of(const Execution& execution, const Verdict& verdict,
                                  const Json& files, const std::vector<std::string>& saved) {
  std::vector<std::string> notes;
  if (!execution.done) {
    notes.push_back("Still running after " + seconds_text(execution.elapsed()) +
                    ". Call execute_r_code with execution_id \"" + execution.id +
                    "\" to wait for the rest, or with interrupt: true to stop it.");
    return notes;
  }
  if (!verdict.message.empty()) {
    notes.push_back(verdict.message);
  }
  if (!execution.output_file.empty()) {
    notes.push_back("The output was shortened; " +
                    std::string{execution.transcript.kept_all() ? "all of it" : "its beginning"} +
                    " is in /sandbox/" + execution.output_file + ".");
  }
  if (execution.joined_late) {
    notes.push_back("What was printed before this server joined the execution is missing.");
  }
  std::string names;
  for (const Json& file : files) {
    names += (names.empty() ? "" : ", ") + file["path"].get<std::string>();
  }
  if (!names.empty()) {
    notes.push_back("Files made or changed in /sandbox: " + names.substr(0, 2000));
  }
  for (const std::string& path : saved) {
    notes.push_back("Saved on the host: " + path);
  }
  return notes;
}

/// The report of the worker as ordered JSON; an empty object where there is none.
Json report_of(const Execution& execution) {
  Json report = execution.report.is_object() ? Json(execution.report) : Json::object();
  bound_report(report);
  return report;
}

/// The pages that the code drew, shown or not.
std::size_t pages_of(const Execution& execution, const Json& report) {
  const auto it = report.find("pages");
  const bool told = it != report.end() && it->is_number_unsigned();
  return std::max(execution.plots.size(), told ? it->get<std::size_t>() : 0);
}

std::string plots_note(const Execution& execution, const Json& report) {
  const std::size_t pages = pages_of(execution, report);
  const std::size_t shown = plots_that_fit(execution);
  std::string note;
  if (shown < pages) {
    note =
        std::to_string(pages) + " pages were drawn; " + std::to_string(shown) + " are shown here";
    note += report.contains("plots_as_files") ? ", the others are PNG files in /sandbox" : "";
  }
  if (report.contains("plots_smaller")) {
    note += note.empty() ? "Some plots were made smaller to fit in the answer"
                         : "; some were made smaller to fit";
  }
  return note.empty() ? note : note + ". Draw fewer or smaller pages in one call.";
}

Json execution_json(const Execution& execution, const Verdict& verdict, const Json& report) {
  Json json = Json::object();
  const bool failed = execution.done && verdict.code[0] != '\0';
  json["success"] = !failed;
  json["status"] = execution.done ? "done" : "running";
  json["execution_id"] = execution.id;
  json["output"] = "";
  if (execution.done) {
    json["exit_code"] = verdict.exit_code;
  }
  if (failed) {
    json["error"] = error_json(verdict.code, verdict.message, verdict.retryable);
    if (execution.outcome == Outcome::kError) {
      add_r_error(json["error"], report);
    }
  }
  const auto warnings = report.find("warnings");
  json["warnings"] = warnings != report.end() && warnings->is_array() ? *warnings : Json::array();
  if (report.contains("value") && report["value"].is_object()) {
    json["value"] = report["value"];
  }
  json["plots"] = pages_of(execution, report);
  return json;
}

}  // namespace

mcp::ToolResult failure(const Error& error) {
  const CodeName name = code_name(error.code);
  Json json = Json::object();
  json["success"] = false;
  if (error.code == Errc::kBusy) {
    json["exit_code"] = 75;
  }
  json["error"] = error_json(name.name, error.message, name.retryable);
  mcp::ToolResult result;
  result.is_error = true;
  result.content.emplace_back(mcp::TextContent{std::string{name.name} + ": " + error.message});
  result.structured = std::move(json);
  return result;
}

mcp::ToolResult plain_result(Json structured) {
  mcp::ToolResult result;
  result.content.emplace_back(
      mcp::TextContent{structured.dump(-1, ' ', false, Json::error_handler_t::replace)});
  result.structured = std::move(structured);
  return result;
}

Json sandbox_json(const sandbox::SandboxView& view) {
  Json json = Json::object();
  json["id"] = view.state.id;
  json["created_at"] = rfc3339(view.state.created_at);
  json["last_used"] = rfc3339(view.last_used);
  json["state"] = view.phase;
  if (view.state.ended.empty()) {
    json["expires_at"] = rfc3339(view.expires_at);
  } else {
    json["ended_at"] = rfc3339(view.state.ended_at);
    json["end_reason"] = view.state.ended;
  }
  json["executions"] = view.state.executions;
  json["image"] = view.state.image;
  json["r_version"] = view.state.r_version;
  json["memory_mb"] = view.state.memory_bytes >> 20U;
  json["cpus"] = view.state.cpus;
  return json;
}

Json files_json(const std::string& sandbox_id, const Execution& execution) {
  Json files = Json::array();
  const Json report = report_of(execution);
  const auto it = report.find("files");
  if (it == report.end() || !it->is_array()) {
    return files;
  }
  for (const Json& file : *it) {
    if (!file.is_object() || !file.contains("path") || !file["path"].is_string()) {
      continue;
    }
    const auto path = file["path"].get<std::string>();
    Json entry = Json::object();
    entry["path"] = path;
    const auto size = file.find("size");
    entry["size"] = size != file.end() && size->is_number_unsigned() ? *size : Json(0U);
    entry["mime"] = mime_type_of(path);
    entry["uri"] = resource_uri(sandbox_id, path);
    files.push_back(std::move(entry));
  }
  return files;
}

mcp::ToolResult execution_result(const std::string& sandbox_id, const Execution& execution,
                                 Json files, const std::vector<std::string>& saved) {
  const Verdict verdict = execution.done ? verdict_of(execution) : Verdict{0, "", "", false};
  const Json report = report_of(execution);
  Json json = execution_json(execution, verdict, report);
  std::vector<std::string> notes = notes_of(execution, verdict, files, saved);
  const std::string about_plots = execution.done ? plots_note(execution, report) : "";
  if (!about_plots.empty()) {
    notes.push_back(about_plots);
  }
  mcp::ToolResult result;
  json["output"] = output_that_fits(execution, json.dump().size() + files.dump().size() * 2);
  std::string text = json["output"].get<std::string>();
  for (const std::string& note : notes) {
    text += (text.empty() || text.ends_with('\n') ? "[" : "\n[") + note + "]\n";
  }
  if (text.empty()) {
    text = execution.plots.empty() ? "(no output)\n" : "";
  }
  if (!text.empty()) {
    result.content.emplace_back(mcp::TextContent{std::move(text)});
  }
  if (execution.done) {
    for (std::size_t i = 0; i < plots_that_fit(execution); ++i) {
      result.content.emplace_back(mcp::ImageContent{execution.plots[i]});
    }
  }
  for (const Json& file : files) {
    mcp::ResourceLink link;
    link.uri = file["uri"].get<std::string>();
    link.name = file["path"].get<std::string>();
    link.mime_type = file["mime"].get<std::string>();
    link.size = file["size"].get<std::uint64_t>();
    result.content.emplace_back(std::move(link));
  }
  json["files"] = std::move(files);
  json["timed_out"] = execution.outcome == Outcome::kTimedOut;
  json["truncated"] = execution.transcript.truncated();
  json["elapsed_ms"] = execution.elapsed().count();
  json["session_restarted"] = execution.session_restarted;
  json["notes"] = notes;
  json["sandbox_id"] = sandbox_id;
  result.is_error = !json["success"].get<bool>();
  result.structured = std::move(json);
  return result;
}

}  // namespace omcp_r::tools
