#include "commands/image_order.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "commands/recipes.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::commands {
namespace {

constexpr const char* kUsualBase = "debian:trixie-slim";
/// What is there in every engine, proxies of this machine included.
constexpr const char* kUsualNetwork = "host";

Error not_understood(const std::string& what) {
  return {Errc::kInvalidArgument, what};
}

/// The items of a list, or the first that is none as an error.
Result<std::vector<std::string>> names_in(const std::string& text, bool (*fits)(std::string_view),
                                          const char* what) {
  std::vector<std::string> names = app::parse_list(text);
  for (const std::string& name : names) {
    if (!fits(name)) return not_understood(app::shown(name) + " is no name of " + what);
  }
  return names;
}

Status add_recipe(const std::string& name, ImageOrder& order) {
  const Recipe* recipe = find_recipe(name);
  if (recipe == nullptr) {
    return not_understood("there is no recipe " + app::shown(name) + "; there are " +
                          recipe_names());
  }
  const Recipe* stats = &recipes().front();
  order.wanted.groups.push_back({stats->packages, stats->system});
  if (recipe != stats) order.wanted.groups.push_back({recipe->packages, recipe->system});
  order.prepare = recipe->prepare;
  order.wanted.prepare = !recipe->prepare.empty();
  return Ok{};
}

Status add_names(const Words& words, ImageOrder& order) {
  auto packages = names_in(words.last("--packages"), app::is_package_name, "an R package");
  auto system = names_in(words.last("--system"), is_system_package_name, "a package of Debian");
  if (!packages) return packages.error();
  if (!system) return system.error();
  if (!packages->empty() || !system->empty()) {
    order.wanted.groups.push_back({std::move(*packages), std::move(*system)});
  }
  return Ok{};
}

Status add_lock(const std::string& path, ImageOrder& order) {
  constexpr std::size_t kLongest = std::size_t{16} << 20;
  constexpr std::size_t kLongestVersion = 20;
  std::ifstream file{path, std::ios::binary};
  std::string text(kLongest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (text.empty()) return not_understood("there is no file " + app::shown(path) + " to read");
  if (text.size() > kLongest) return not_understood(app::shown(path) + " is longer than 16 MiB");
  const auto lock = nlohmann::json::parse(text, nullptr, false);
  if (!lock.is_object() || !lock.contains("Packages") || !lock["Packages"].is_object()) {
    return not_understood(app::shown(path) + " is no renv.lock: it has no object \"Packages\"");
  }
  for (const auto& package : lock["Packages"].items()) {
    if (!app::is_package_name(package.key())) {
      return not_understood(app::shown(package.key()) + " in " + app::shown(path) +
                            " is no name of an R package");
    }
    order.to_load.push_back(package.key());
  }
  const auto r = lock.find("R");
  if (r != lock.end() && r->is_object() && r->contains("Version") && (*r)["Version"].is_string()) {
    order.r_of_lock = printable((*r)["Version"].get<std::string>(), kLongestVersion);
  }
  order.lock = std::move(text);
  order.wanted.renv = true;
  return Ok{};
}

/// Whether docker gives an image this name: in lower case, but for what stands behind a colon.
bool is_tag(const std::string& name) {
  const std::size_t path = name.rfind('/') == std::string::npos ? 0 : name.rfind('/');
  const std::size_t colon = std::min(name.find(':', path), name.size());
  const std::string_view word = std::string_view(name).substr(0, colon);
  return name.find('@') == std::string::npos && name.find(':', colon + 1) == std::string::npos &&
         colon + 1 != name.size() && std::none_of(word.begin(), word.end(), [](unsigned char c) {
           return std::isupper(c) != 0;
         });
}

/// An address that may stand in a script.
bool is_address(const std::string& text) {
  const bool known = text.starts_with("https://") || text.starts_with("http://");
  return known && text.size() <= 500 &&
         text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
             "-._~:/@+=&?%[]") == std::string::npos;
}

Status fill(const Words& words, ImageOrder& order) {
  Status status = Ok{};
  if (words.has("--recipe")) status = add_recipe(words.last("--recipe"), order);
  if (status) status = add_names(words, order);
  for (const Group& group : order.wanted.groups) {
    order.to_load.insert(order.to_load.end(), group.packages.begin(), group.packages.end());
  }
  if (status && words.has("--renv")) status = add_lock(words.last("--renv"), order);
  return status;
}

}  // namespace

std::string ImageOrder::name_until_checked() const {
  const std::size_t path = name.rfind('/') == std::string::npos ? 0 : name.rfind('/');
  return name + (name.find(':', path) == std::string::npos ? ":" : "-") + "unchecked";
}

Result<ImageOrder> read_order(const Words& words) {
  ImageOrder order;
  const Status filled = fill(words, order);
  if (!filled) return filled.error();
  if (order.to_load.empty()) {
    return not_understood(
        "what is to be in it? --packages dplyr,survival, --renv renv.lock, or --recipe "
        "with one of " +
        recipe_names());
  }
  std::string title = words.last("--recipe");
  for (const char* flag : {"--packages", "--renv"}) {
    if (words.has(flag)) title += (title.empty() ? "" : "-") + std::string(flag + 2);
  }
  order.wanted.title = title;
  order.wanted.base = words.has("--base") ? words.last("--base") : kUsualBase;
  order.wanted.compiler = words.has("--compiler");
  order.wanted.cran = words.last("--cran");
  if (!order.wanted.cran.empty() && !is_address(order.wanted.cran)) {
    return not_understood("--cran " + app::shown(order.wanted.cran) +
                          " is no address of a repository");
  }
  order.name = words.has("--tag") ? words.last("--tag") : "omcp-r/" + title + ":latest";
  order.fresh = words.has("--fresh");
  order.network = words.has("--network") ? words.last("--network") : kUsualNetwork;
  for (const auto& [flag, value] :
       {std::pair{"--base", order.wanted.base}, std::pair{"--tag", order.name}}) {
    if (!app::is_image_name(value) || (flag == std::string_view("--tag") && !is_tag(value))) {
      return not_understood(std::string(flag) + " " + app::shown(value) +
                            " is no name of an image");
    }
  }
  order.wanted.command = "omcp-r-sandbox image build";
  for (const auto& [flag, values] : words.flags) {
    if (flag == "--print") continue;
    order.wanted.command += " " + flag;
    if (!values.back().empty()) order.wanted.command += " " + values.back();
  }
  constexpr std::size_t kMostOfIt = 500;
  order.wanted.command = printable(order.wanted.command, kMostOfIt);  // it stands in a comment
  return order;
}

}  // namespace omcp_r::commands
