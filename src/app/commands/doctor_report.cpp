#include <algorithm>
#include <utility>

#include "commands/doctor_checks.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands::checks {
namespace {

constexpr std::size_t kLongest = 2000;

/// For JSON, and for people.
struct HealthWords {
  const char* status;
  const char* mark;
};

HealthWords words_for(Health health) {
  switch (health) {
    case Health::kOk:
      return {"ok", "ok"};
    case Health::kWarning:
      return {"warning", "WARNING"};
    case Health::kFailure:
      return {"failure", "FAILURE"};
    default:
      return {"unknown", "?"};
  }
}

/// A check may find several things of one name.
void make_unique(std::string& id, const std::vector<Row>& rows) {
  const auto same = [&rows](const std::string& other) {
    return std::any_of(rows.begin(), rows.end(),
                       [&other](const Row& row) { return row.id == other; });
  };
  const std::string first = id;
  for (int i = 2; same(id); ++i) id = first + "." + std::to_string(i);
}

Row row_of(const Group& group, const Check& check, const Finding& finding) {
  const std::string dot = finding.subject.empty() ? "" : ".";
  Row row;
  row.id = std::string(group.id) + "." + check.id + dot + printable(finding.subject, kLongest);
  row.group = group.id;
  row.health = finding.health;
  row.what = finding.subject.empty() ? check.what : printable(finding.subject, kLongest);
  row.found = printable(finding.found, kLongest);
  row.advice = printable(finding.advice, kLongest);
  return row;
}

Findings findings_of(const Group& group, const Check& check, const Facts& facts) {
  const std::string obstacle =
      check.always || group.obstacle == nullptr ? "" : group.obstacle(facts);
  if (!obstacle.empty()) return {unknown(obstacle)};
  const auto look = [&facts](auto function) -> Findings { return {function(facts)}; };
  return std::visit(look, check.look);
}

std::size_t count(const std::vector<Row>& rows, Health health) {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [health](const Row& row) { return row.health == health; }));
}

std::string counted(std::size_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string line_of(const Row& row) {
  constexpr std::size_t kMark = 9;
  constexpr std::size_t kIndent = 2 + kMark + 22;
  std::string start = std::string("  ") + words_for(row.health).mark;
  start.resize(2 + kMark, ' ');
  start += row.what;
  start.resize(std::max(kIndent, start.size() + 2), ' ');
  std::string text = app::wrapped(row.found, kIndent);
  if (start.size() == kIndent && !text.empty()) {
    text.replace(0, kIndent, start);
  } else {
    text.insert(0, start + "\n");
  }
  if (!row.advice.empty()) text += app::wrapped("-> " + row.advice, kIndent);
  return text;
}

}  // namespace

Finding ok(std::string found) {
  return {Health::kOk, std::move(found)};
}

Finding unknown(std::string found) {
  return {Health::kUnknown, std::move(found)};
}

Finding warning(std::string found, std::string advice) {
  return {Health::kWarning, std::move(found), std::move(advice)};
}

Finding failure(std::string found, std::string advice) {
  return {Health::kFailure, std::move(found), std::move(advice)};
}

Finding of(std::string subject, Finding finding) {
  finding.subject = std::move(subject);
  return finding;
}

std::vector<Row> rows_of(const Group& group, const Facts& facts) {
  std::vector<Row> rows;
  for (const Check& check : group.checks) {
    for (const Finding& finding : findings_of(group, check, facts)) {
      Row row = row_of(group, check, finding);
      make_unique(row.id, rows);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string text_of(const Group& group, const std::vector<Row>& rows) {
  std::string text = std::string(group.title) + "\n";
  for (auto row = rows.begin(); row != rows.end();) {
    const auto end = std::find_if(row, rows.end(), [&row](const Row& other) {
      return other.health != Health::kUnknown || other.found != row->found;
    });
    const auto same = static_cast<std::size_t>(std::distance(row, end));
    Row shown = *row;
    if (same > 1) shown.what = counted(same, "check");
    text += line_of(shown);
    row += std::max<std::ptrdiff_t>(1, std::distance(row, end));
  }
  return text;
}

std::string summary_of(const std::vector<Row>& rows) {
  const std::size_t failures = count(rows, Health::kFailure);
  const std::size_t unknowns = count(rows, Health::kUnknown);
  return (failures == 0 ? "Nothing fails" : counted(failures, "failure")) + "; " +
         counted(count(rows, Health::kWarning), "warning") + "; " +
         counted(count(rows, Health::kOk), "check") + " passed" +
         (unknowns == 0 ? "." : "; " + std::to_string(unknowns) + " could not be made.");
}

nlohmann::ordered_json json_of(const std::vector<Row>& rows) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    checks.push_back({{"id", row.id},
                      {"group", row.group},
                      {"status", words_for(row.health).status},
                      {"what", row.what},
                      {"found", row.found},
                      {"advice", row.advice}});
  }
  return {{"ok", !fails(rows)}, {"checks", std::move(checks)}};
}

bool fails(const std::vector<Row>& rows) {
  return count(rows, Health::kFailure) > 0;
}

}  // namespace omcp_r::commands::checks
