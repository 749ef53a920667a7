#include "line_budget.hpp"

#include <algorithm>

namespace omcp_r::tools {
namespace {

using mcp::Json;

constexpr std::size_t kReportBytes = kLineBudget / 5;
constexpr std::size_t kPlotBytes = 720'000;

std::size_t dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace).size();
}

std::size_t base64_bytes(const std::string& bytes) {
  return (bytes.size() + 2) / 3 * 4;
}

}  // namespace

std::size_t json_bytes(const std::string& text) {
  return dumped(Json(text));
}

void bound_report(Json& report) {
  if (dumped(report) <= kReportBytes) {
    return;
  }
  if (report.contains("value") && report["value"].is_object()) {
    report["value"].erase("table");
  }
  for (const char* key : {"warnings", "files", "value", "error"}) {
    if (dumped(report) > kReportBytes) {
      report.erase(key);
    }
  }
}

std::size_t plots_that_fit(const sandbox::Execution& execution) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const std::string& plot : execution.plots) {
    bytes += base64_bytes(plot);
    if (bytes > kPlotBytes) {
      break;
    }
    ++count;
  }
  return count;
}

std::string output_that_fits(const sandbox::Execution& execution, std::size_t taken) {
  std::size_t plots = 0;
  for (std::size_t i = 0; i < plots_that_fit(execution); ++i) {
    plots += base64_bytes(execution.plots[i]);
  }
  const std::size_t room = kLineBudget - std::min(kLineBudget - 40'000, plots + taken);
  std::size_t chars = execution.transcript.max_chars();
  std::string text = execution.transcript.text(chars);
  while (2 * json_bytes(text) > room && chars > 0) {
    chars = std::min(chars, text.size()) * 3 / 4;
    text = execution.transcript.text(chars);
  }
  return text;
}

}  // namespace omcp_r::tools
