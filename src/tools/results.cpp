#include "omcp_r/tools/results.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "line_budget.hpp"
#include "notes.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/rpc/json_text.hpp"
#include "omcp_r/tools/verdict.hpp"
#include "report_json.hpp"

namespace omcp_r::tools {
namespace {

using mcp::Json;
using sandbox::Execution;
using sandbox::Outcome;

/// Of all files of a result, in bytes on the wire.
constexpr std::size_t kFileBytes = 120'000;
/// Hosts show the model each link as a line.
constexpr std::size_t kMaxLinks = 5;
constexpr const char* kMetaKey = "omcp-r-sandbox/result";
/// Of what is told beforehand.
constexpr std::size_t kPackageBytes = 1'500;
constexpr std::size_t kDataBytes = 600;
constexpr std::size_t kPathBytes = 300;
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
    if (shown.links.size() < kMaxLinks && !is_own_resource(file.entry.path)) {
      shown.links.push_back(std::move(link));
    }
  }
  return shown;
}

/// Those that no answer has shown yet, as they stand in the output.
std::vector<const sandbox::Plot*> plots_to_show(const Execution& execution) {
  std::vector<const sandbox::Plot*> plots;
  for (const sandbox::Plot& plot : execution.plots) {
    if (!plot.bytes.empty() && !plot.told) {
      plots.push_back(&plot);
    }
  }
  std::sort(plots.begin(), plots.end(), [](const sandbox::Plot* a, const sandbox::Plot* b) {
    return std::tie(a->place, a->number) < std::tie(b->place, b->number);
  });
  return plots;
}

mcp::ImageContent image_of(const sandbox::Plot& plot) {
  constexpr std::string_view kStartOfJpeg = "\xFF\xD8";
  return {plot.bytes, plot.bytes.starts_with(kStartOfJpeg) ? "image/jpeg" : "image/png"};
}

struct ShownPlots {
  std::vector<const sandbox::Plot*> images;
  std::vector<std::uint64_t> places;  ///< of each
  std::size_t bytes = 0;
};

/// The first of them that fit together in `room` bytes.
ShownPlots plots_that_fit(const Execution& execution, std::size_t room) {
  ShownPlots shown;
  for (const sandbox::Plot* plot : plots_to_show(execution)) {
    if (shown.bytes + plot_bytes(*plot) > room) {
      break;
    }
    shown.bytes += plot_bytes(*plot);
    shown.images.push_back(plot);
    shown.places.push_back(plot->place);
  }
  return shown;
}

/// The first names that have at most `room` bytes together.
std::vector<std::string> names_that_fit(const std::vector<std::string>& names, std::size_t room) {
  std::vector<std::string> fitting;
  for (const std::string& name : names) {
    const std::size_t bytes = text_bytes(name) + 2;
    if (bytes > room) {
      break;
    }
    room -= bytes;
    fitting.push_back(name);
  }
  return fitting;
}

std::string named_or_none(const std::vector<std::string>& names, std::uint64_t all) {
  return all == 0 ? "none" : named(names, all);
}

std::string cpus_text(double cpus) {
  std::string text = std::to_string(cpus);
  text.erase(text.find_last_not_of('0') + 1);
  text.erase(text.find_last_not_of('.') + 1);
  return text + (cpus == 1 ? " CPU" : " CPUs");
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

mcp::ToolResult as_text(mcp::ToolResult result) {
  Json told = Json::object();
  for (auto& [key, value] : result.structured.items()) {
    const bool says_nothing =
        value.empty() || value == false || value == "" || value == 0 || value.is_null();
    const bool kept = key == "success" || key == "exit_code" || !says_nothing;
    if (kept && key != "output" && key != "notes") {
      told[key] = std::move(value);
    }
  }
  result.meta[kMetaKey] = std::move(told);
  result.structured = nullptr;
  return result;
}

mcp::ToolResult created_result(const sandbox::SandboxView& view,
                               const sandbox::Surroundings& around, const std::string& data_dir) {
  const std::vector<std::string> packages = names_that_fit(around.packages, kPackageBytes);
  const std::vector<std::string> data = names_that_fit(around.data, kDataBytes);
  Json json = Json::object();
  json["success"] = true;
  json["sandbox_id"] = view.id;
  const Json told = sandbox_json(view);
  for (const auto& [key, value] : told.items()) {
    if (key != "id") {
      json[key] = value;
    }
  }
  json["idle_timeout"] = view.idle;
  json["max_lifetime"] = view.lifetime;
  json["packages"] = packages;
  if (packages.size() < around.packages.size()) {
    json["packages_uri"] = resource_uri(view.id, kPackagesName);
  }
  std::string text = "Sandbox " + view.id + " is ready: R " + view.r_version + ", " +
                     std::to_string(view.memory_bytes >> 20U) + " MB of memory, " +
                     cpus_text(view.cpus) + ". It ends after " + std::to_string(view.idle) +
                     " s without use; variables and files last until then.\nPackages beside R's "
                     "own: " +
                     named_or_none(packages, around.packages.size());
  if (packages.size() < around.packages.size()) {
    text += " (all: resource " + resource_uri(view.id, kPackagesName) + ")";
  }
  text += ".";
  if (!data_dir.empty()) {
    json["data_dir"] = data_dir;
    json["data"] = data;
    text += "\n/data is " + printable(data_dir, kPathBytes) +
            (data_dir.starts_with('/') ? " of the user's machine" : " of the cluster") +
            ", read-only: " + named_or_none(data, around.data_count) + ".";
  }
  mcp::ToolResult result;
  result.content.emplace_back(mcp::TextContent{std::move(text)});
  result.structured = std::move(json);
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

std::vector<const sandbox::Plot*> pages_in_order(const sandbox::Execution& execution) {
  std::vector<const sandbox::Plot*> plots;
  for (const sandbox::Plot& plot : execution.plots) {
    if (!plot.bytes.empty() && plot.file.empty()) {
      plots.push_back(&plot);
    }
  }
  std::sort(plots.begin(), plots.end(), [](const sandbox::Plot* a, const sandbox::Plot* b) {
    return std::tie(a->place, a->number) < std::tie(b->place, b->number);
  });
  return plots;
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

void note_told(Execution& execution, const mcp::ToolResult& result) {
  std::size_t images = 0;
  for (const mcp::Content& block : result.content) {
    images += std::holds_alternative<mcp::ImageContent>(block) ? 1 : 0;
  }
  for (const sandbox::Plot* shown : plots_to_show(execution)) {
    for (sandbox::Plot& plot : execution.plots) {
      plot.told = plot.told || (&plot == shown && images > 0 && !plot.open);
    }
    images -= images > 0 ? 1 : 0;
  }
}

mcp::ToolResult execution_result(const Execution& execution, const CallFacts& facts) {
  const Verdict verdict = execution.done ? verdict_of(execution) : Verdict{};
  Json json = execution_json(execution, verdict);
  ShownFiles files = shown_files(facts);
  const std::size_t taken = json_bytes(json) + files.bytes + 2 * kNoteBytes;
  const std::size_t plot_room = std::min(kPlotBytes, kLineBudget - taken - 2 * kLeastOutput);
  const ShownPlots plots = plots_that_fit(execution, plot_room);
  const std::vector<std::string> notes =
      notes_of(execution, facts, plots.images.size(), files.json.size());
  FittedOutput output =
      output_that_fits(execution.transcript, plots.places, (kLineBudget - taken - plots.bytes) / 2);

  mcp::ToolResult result;
  std::string text;
  for (std::size_t i = 0; i < output.pieces.size(); ++i) {
    if (!output.pieces[i].empty()) {
      result.content.emplace_back(mcp::TextContent{output.pieces[i]});
    }
    if (i < plots.images.size()) {
      result.content.emplace_back(image_of(*plots.images[i]));
    }
    text += output.pieces[i];
  }
  // So that the first text is never notes, nor can be taken for them.
  if (text.empty() && (!notes.empty() || plots.images.empty())) {
    result.content.insert(result.content.begin(), mcp::TextContent{"(no output)\n"});
  }
  if (!notes.empty()) {
    result.content.emplace_back(mcp::TextContent{notes_text(notes)});
  }
  for (mcp::ResourceLink& link : files.links) {
    result.content.emplace_back(std::move(link));
  }
  json["output"] = std::move(text);
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
