#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "omcp_r/app/options.hpp"
#include "pages/pages.hpp"

namespace omcp_r::pages {
namespace {

using namespace omcp_r::app;
using Json = nlohmann::ordered_json;

const Option& option_named(const std::string& variable) {
  const Option* const option = find_option(variable);
  if (option == nullptr) throw std::runtime_error("no setting is called " + variable);
  return *option;
}

std::string text_of_file(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) throw std::runtime_error("cannot read " + path);
  return text.str();
}

bool is_number(Kind kind) {
  return kind == Kind::kWhole || kind == Kind::kSeconds || kind == Kind::kDecimal;
}

/// A question of the form that a host shows for a bundle.
Json question(const Option& option, const std::string& title) {
  const bool folder = completes(option.kind) == Completes::kFolders;
  const std::string seconds = option.kind == Kind::kSeconds ? " In seconds." : "";
  Json json{{"type", is_number(option.kind) ? "number"
                     : folder               ? "directory"
                                            : "string"},
            {"title", title},
            {"description", option.help + seconds},
            {"required", false}};
  const std::string fallback = option.fallback;
  if (is_number(option.kind)) {
    const std::string allowed = option.allowed;
    json["min"] = Json::parse(allowed.substr(0, allowed.find(' ')));
    json["max"] = Json::parse(allowed.substr(allowed.rfind(' ') + 1));
    json["default"] = Json::parse(fallback);
    if (*option.bounded_by != '\0') {  // which the form does not ask for
      json["max"] = Json::parse(option_named(option.bounded_by).fallback);
    }
  } else if (!fallback.empty()) {
    json["default"] = fallback;
  }
  return json;
}

}  // namespace

std::string bundle_manifest(const std::string& path) {
  Json manifest = Json::parse(text_of_file(path));
  Json questions = Json::object();
  Json& environment = manifest["server"]["mcp_config"]["env"];
  for (const auto& [name, value] : manifest["user_config"].items()) {
    if (value.is_object()) {  // none of the server's own
      questions[name] = value;
      continue;
    }
    const Option& option = option_named(name);
    std::string key = flag_of(name).substr(2);
    for (char& c : key) c = c == '-' ? '_' : c;
    questions[key] = question(option, value);
    environment[name] = "${user_config." + key + "}";
  }
  manifest["user_config"] = questions;
  return manifest.dump(2) + "\n";
}

std::string registry_entry(const std::string& path, const std::string& sha256) {
  Json entry = Json::parse(text_of_file(path));
  for (Json& package : entry["packages"]) {
    if (package["registryType"] == "mcpb") package["fileSha256"] = sha256;
    if (!package.contains("environmentVariables")) continue;
    for (Json& variable : package["environmentVariables"]) {
      const Option& option = option_named(variable["name"]);
      variable["description"] = option.help;
      const std::string fallback = option.fallback;
      if (!fallback.empty()) variable["default"] = fallback;
      if (completes(option.kind) == Completes::kFolders) variable["format"] = "filepath";
      if (is_number(option.kind)) variable["format"] = "number";
    }
  }
  return entry.dump(2) + "\n";
}

}  // namespace omcp_r::pages
