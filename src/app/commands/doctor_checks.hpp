#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "commands/floors.hpp"
#include "commands/list_servers.hpp"
#include "omcp_r/app/config.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/engine/diagnosis.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"

// The checks of `doctor`. A new one is a function that judges facts, and a row in the table of its
// group; a new group is a file with such a table, and a row in groups().

namespace omcp_r::commands::checks {

enum class Health { kOk, kWarning, kFailure, kUnknown };

/// What a check has found.
struct Finding {
  Health health = Health::kUnknown;
  std::string found{};
  std::string advice{};   ///< what to do; "" where nothing is to be done
  std::string subject{};  ///< what it is of, for a check that looks at several things
};

Finding ok(std::string found);
Finding unknown(std::string found);
Finding warning(std::string found, std::string advice);
Finding failure(std::string found, std::string advice);
Finding of(std::string subject, Finding finding);

/// What is known, from group to group more of it. Of errors the message is what is wrong.
struct Facts {
  /// Sandboxes are pods: what holds them is in part another thing.
  [[nodiscard]] bool in_cluster() const { return config.engine.kind == "kubernetes"; }

  const app::Config& config;
  app::Surroundings surroundings;
  std::string address{};  ///< of the engine; "" where it is not known
  Result<engine::Diagnosis> engine = Error{};
  std::map<std::string, Status> images{};  ///< those that may be used, by name
  Result<sandbox::SandboxView> sandbox = Error{};
  Result<std::map<std::string, std::string>> inside = Error{};  ///< what R told there
  Status removed = Error{};                                     ///< of the sandbox
};

using Findings = std::vector<Finding>;

struct Check {
  const char* id;    ///< in its group
  const char* what;  ///< is looked at
  std::variant<Finding (*)(const Facts&), Findings (*)(const Facts&)> look;
  bool always = false;  ///< also where the group cannot be looked at
};

struct Group {
  const char* id;
  const char* title;
  /// Finds out what its checks look at. May be null.
  asio::awaitable<void> (*ask)(Floors&, Facts&);
  /// Why nothing can be said of it; "" where something can. May be null.
  std::string (*obstacle)(const Facts&);
  std::vector<Check> checks;
};

/// The obstacle of groups that ask the engine.
std::string no_engine(const Facts& facts);

const Group& settings_group();
const Group& engine_group();
const Group& machine_group();
const Group& image_group();
const Group& sandbox_group();
const Group& folders_group();
const Group& hosts_group();

/// Whether R in a sandbox told all, and what: strictly, since anything may have been printed.
Result<std::map<std::string, std::string>> read_facts(std::string_view printed);

/// The checks that judge what R told.
std::vector<Check> isolation_checks();

/// One line of the answer.
struct Row {
  std::string id;
  std::string group;
  Health health = Health::kUnknown;
  std::string what;
  std::string found;
  std::string advice;
};

std::vector<Row> rows_of(const Group& group, const Facts& facts);

/// For people: rows that tell nothing for the same reason become one.
std::string text_of(const Group& group, const std::vector<Row>& rows);
std::string summary_of(const std::vector<Row>& rows);
nlohmann::ordered_json json_of(const std::vector<Row>& rows);

bool fails(const std::vector<Row>& rows);

}  // namespace omcp_r::commands::checks
