#include "omcp_r/app/config.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "command_line.hpp"
#include "omcp_r/app/dotenv.hpp"
#include "omcp_r/app/env_file.hpp"
#include "omcp_r/app/folders.hpp"
#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"

namespace omcp_r::app {
namespace {

/// A value that somebody chose.
struct Given {
  std::string value;
  std::string source;  ///< "--flag", "environment" or "file:line"
};

/// Puts a Config together. Goes on after a bad value, so that all of them are told at once.
class Loader {
 public:
  Loader(const CommandLine& line, const Surroundings& surroundings)
      : line_(line), surroundings_(surroundings) {}

  Result<Config> run() {
    const Status files = read_env_files();
    if (!files) return files.error();
    config_.engine.in_container = surroundings_.in_container;
    for (const Option& option : options()) apply(option);
    if (problems_.empty()) {
      for (const Option& option : options()) check_bound(option);
    }
    config_.sandbox.memory_fits_machine = origin_of("SANDBOX_MEMORY").by_default;
    check_folders();
    check_database();
    check_engine();
    check_cluster();
    if (!problems_.empty()) return Error{Errc::kInvalidArgument, problems_};
    constexpr std::size_t kTold = 3;
    for (const std::string& file : talking_files(config_.sandbox.data_dir, kTold)) {
      config_.warnings.push_back("DATA_DIR holds the socket or named pipe " + shown(file) +
                                 ": code in a sandbox can talk to who listens there");
    }
    return std::move(config_);
  }

 private:
  Status read_env_files() {
    if (line_.env_file.empty()) {
      for (const EnvFile& file : find_env_files(surroundings_, config_.warnings)) take(file);
      return Ok{};
    }
    const auto named = named_env_file(line_.env_file, surroundings_);
    if (!named) return named.error();
    take(*named);
    return Ok{};
  }

  void take(const EnvFile& file) {
    config_.env_files.push_back(file.path);
    const Dotenv content = parse_dotenv(file.text);
    std::vector<std::string> unknown;
    std::set<std::string> told;  // a file may say the same thing a thousand times
    for (const DotenvEntry& entry : content.entries) {
      const std::string source = file.path + ":" + std::to_string(entry.line);
      const Option* option = find_option(entry.name);
      if (option == nullptr) {
        unknown.push_back(source + ": " + unknown_name(entry.name));
      } else if (file.trusted) {
        from_file_[entry.name] = {entry.value, source};
      } else {
        take_found(*option, {entry.value, source}, told);
      }
    }
    for (const DotenvProblem& problem : content.problems) {
      const std::string source = file.path + ":" + std::to_string(problem.line) + ": ";
      if (file.trusted && find_option(problem.name) != nullptr) {
        add_problem(source + problem.name + ": " + problem.text);
      } else {
        unknown.push_back(source + "line ignored: " + problem.text);
      }
    }
    warn_of(unknown, file.path);
  }

  /// Takes what a .env that lies about may say, of several lines the last; names the others.
  /// Nothing that it says stops the start, and it is held against the user's own choices alone.
  void take_found(const Option& option, const Given& given, std::set<std::string>& told) {
    const std::string refused = why_not_taken(option, given.value);
    if (refused.empty()) {
      found_[option.variable] = given;
    } else if (told.insert(option.variable).second) {
      config_.warnings.push_back(given.source + ": " + option.variable + refused);
    }
  }

  /// "" where it is taken.
  [[nodiscard]] std::string why_not_taken(const Option& option, const std::string& text) const {
    const std::string own = settings_file(surroundings_);
    const std::string remedy =
        " by a .env that lies in the working directory or its parents; set it in " +
        (own.empty() ? "the file that --env-file names" : own) + ", in the environment, or by " +
        flag_of(option.variable);
    if (option.found == Found::kNothing) return " is not taken" + remedy;
    const auto chosen = from_file_.find(option.variable);
    const std::string own_text =
        std::string(chosen == from_file_.end() ? "" : trim(chosen->second.value));
    const std::string limit = own_text.empty() ? default_of(option, surroundings_) : own_text;
    const auto most = read_value(option, limit, surroundings_);
    if (!most) return " is not taken" + remedy;  // a slip of the user's own is told, not hidden
    const auto wanted = read_value(option, trim(text), surroundings_);
    if (trim(text).empty() || !wanted) {
      return "=" + shown(trim(text)) + " is passed over: it must be " +
             (wanted ? "a value" : wanted.error().message);
    }
    const bool fits = option.found == Found::kSets || wanted->number <= most->number;
    return fits ? "" : " can only be lowered" + remedy;
  }

  /// The file may be that of a whole project: a few warnings will do.
  void warn_of(const std::vector<std::string>& unknown, const std::string& path) {
    constexpr std::size_t kMost = 8;
    const std::size_t told = std::min(unknown.size(), kMost);
    config_.warnings.insert(config_.warnings.end(), unknown.begin(),
                            unknown.begin() + static_cast<std::ptrdiff_t>(told));
    if (told < unknown.size()) {
      config_.warnings.push_back(path + ": " + std::to_string(unknown.size() - told) +
                                 " more lines name none of our settings");
    }
  }

  static std::string unknown_name(const std::string& name) {
    std::vector<std::string> names;
    for (const Option& option : options()) names.emplace_back(option.variable);
    const auto meant = nearest(name, names);
    return "unknown variable " + shown(name) + " ignored" +
           (meant ? "; did you mean " + *meant + "?" : "");
  }

  /// The choice that counts; nullopt where nobody made one.
  [[nodiscard]] std::optional<Given> choice_for(const Option& option) const {
    const auto flag = line_.values.find(option.variable);
    if (flag != line_.values.end()) return Given{flag->second, flag_of(option.variable)};
    if (auto value = surroundings_.variable(option.variable)) return Given{*value, "environment"};
    for (const auto* file : {&found_, &from_file_}) {
      const auto entry = file->find(option.variable);
      if (entry != file->end()) return entry->second;
    }
    return std::nullopt;
  }

  void apply(const Option& option) {
    const std::optional<Given> given = choice_for(option);
    const std::string chosen(given ? trim(given->value) : "");
    const std::string text = chosen.empty() ? default_of(option, surroundings_) : chosen;
    const std::string source = chosen.empty() ? "default" : given->source;
    const bool secret = option.kind == Kind::kSecret;
    if (!text.empty()) {
      if (const auto refused = refusal(option, text)) {
        add_problem(source + ": " + option.variable + (secret ? "" : "=" + shown(text)) + " " +
                    *refused);
      }
    }
    config_.origins.push_back(
        {option.variable, secret && !text.empty() ? "(set)" : text, source, chosen.empty()});
  }

  /// Stores the value; otherwise tells why not.
  std::optional<std::string> refusal(const Option& option, const std::string& text) {
    const auto control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), control)) return "has control characters in it";
    if (text.find("${") != std::string::npos) {
      return "is not expanded: neither the host nor omcp-r-sandbox replaces ${...}; write the "
             "value itself";
    }
    const auto value = read_value(option, text, surroundings_);
    if (!value) return "must be " + value.error().message;
    option.store(config_, *value);
    return std::nullopt;
  }

  /// A default, or what was found lying about, gives way to a choice of somebody's.
  void check_bound(const Option& option) {
    if (*option.bounded_by == '\0') return;
    Origin& origin = origin_of(option.variable);
    const Origin& upper = origin_of(option.bounded_by);
    const auto value = read_value(option, origin.value, surroundings_);
    const auto limit = read_value(option, upper.value, surroundings_);
    if (!value || !limit || value->number <= limit->number) return;
    if (origin.by_default || found_.contains(option.variable) ||
        found_.contains(option.bounded_by)) {
      option.store(config_, *limit);
      origin.value = upper.value;
      origin.source += std::string{", lowered to "} + option.bounded_by;
      return;
    }
    add_problem(origin.source + ": " + option.variable + "=" + shown(origin.value) +
                " must be at most " + option.bounded_by + ", which is " + upper.value + " (" +
                upper.source + ")");
  }

  /// Else every sandbox would read what the others made.
  void check_folders() {
    const std::string& output = config_.sandbox.output_dir;
    for (const auto& [name, folder] : {std::pair{"DATA_DIR", config_.sandbox.data_dir},
                                       std::pair{"R_LIBRARY", config_.sandbox.library}}) {
      if (folder.empty() || output.empty() || !overlap(own_mounts(), folder, output)) continue;
      add_problem(std::string("OUTPUT_DIR and ") + name +
                  " must be two folders, neither of them in the other: sandboxes would read what "
                  "others made");
    }
  }

  /// A socket is reached through the kernel of the machine that has it.
  void check_database() {
    database::Access& database = config_.sandbox.database;
    if (database.socket.empty()) return;
    const auto no = [this](const std::string& why) {
      add_problem(origin_of("DB_SOCKET").source + ": DB_SOCKET " + why);
    };
    if (database.role.empty()) no("needs DB_ROLE, the role that code is to log in as");
    if (database.name.empty()) database.name = database.role;
    if (surroundings_.in_container) {
      no("cannot be used by a server that runs in a container: start omcp-r-sandbox itself");
    }
    if (!config_.sandbox.runtime.empty()) {
      no("and RUNTIME cannot be used together: sandboxes of other runtimes have a kernel of their "
         "own");
    }
    const std::string& host = config_.engine.docker_host;
    if (!host.empty() && !host.starts_with("unix://")) {
      no("needs an engine of this machine, and DOCKER_HOST names another");
    }
    if (!config_.engine.docker_context.empty()) {
      no("needs an engine of this machine: name it with DOCKER_HOST, and not with DOCKER_CONTEXT");
    }
  }

  /// The docker command would go by the first of two alone.
  void check_engine() {
    app::EngineSettings& engine = config_.engine;
    if (!engine.docker_context.empty() && !engine.docker_host.empty()) {
      add_problem(origin_of("DOCKER_CONTEXT").source +
                  ": DOCKER_CONTEXT and DOCKER_HOST cannot be used together: leave one out");
    }
    // The docker command would go to another engine, or use them for nothing.
    if (!engine.certificates.empty() && !engine.docker_host.starts_with("tcp://")) {
      config_.warnings.push_back(origin_of("DOCKER_CERT_PATH").source +
                                 ": DOCKER_CERT_PATH is without effect: it is for an engine that "
                                 "DOCKER_HOST names at tcp://");
      engine.certificates.clear();
    }
  }

  /// A cluster's nodes see neither folders nor sockets of this machine, and other engines no claim.
  void check_cluster() {
    const bool cluster = config_.engine.kind == "kubernetes";
    if (!cluster && !config_.sandbox.data_volume.empty()) {
      add_problem(origin_of("DATA_VOLUME").source + ": DATA_VOLUME needs ENGINE=kubernetes");
    }
    for (const char* const name : {"DATA_DIR", "R_LIBRARY", "DB_SOCKET"}) {
      const Origin& origin = origin_of(name);
      if (cluster && !origin.value.empty()) {
        add_problem(origin.source + ": " + name +
                    " and ENGINE=kubernetes cannot be used together: a cluster does not see this "
                    "machine. Data come from a claim, DATA_VOLUME; packages from the image");
      }
    }
  }

  Origin& origin_of(const std::string& variable) {
    return *std::find_if(config_.origins.begin(), config_.origins.end(),
                         [&](const Origin& origin) { return origin.variable == variable; });
  }

  void add_problem(const std::string& problem) {
    problems_ += (problems_.empty() ? "" : "\n") + problem;
  }

  const CommandLine& line_;
  const Surroundings& surroundings_;
  std::map<std::string, Given> from_file_;  ///< of the user's own file, or the one named
  std::map<std::string, Given> found_;      ///< of the one that lies about, as far as it is taken
  std::string problems_;
  Config config_;
};

}  // namespace

Result<Config> load_config(int argc, const char* const* argv, const Surroundings& surroundings) {
  const Result<CommandLine> line = parse_command_line(argc, argv);
  if (!line) return line.error();
  Config only_print;
  if (line->help) only_print.print = help_text(surroundings.commands);
  if (line->version) only_print.print = version_text();
  if (only_print.print) return only_print;
  Result<Config> config = Loader{*line, surroundings}.run();
  if (config && line->print_config) config->print = effective_text(*config);
  return config;
}

}  // namespace omcp_r::app
