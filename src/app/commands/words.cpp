#include "commands/words.hpp"

#include <algorithm>
#include <utility>

#include "omcp_r/app/options.hpp"
#include "omcp_r/app/values.hpp"

namespace omcp_r::commands {
namespace {

bool is_setting(const std::string& flag) {
  const auto& all = app::options();
  return flag == "--env-file" || std::any_of(all.begin(), all.end(), [&flag](const auto& option) {
           return app::flag_of(option.variable) == flag;
         });
}

Error wrong(const Usage& usage, const std::string& what) {
  return {Errc::kInvalidArgument,
          what + "; omcp-r-sandbox " + usage.name + " --help says what there is"};
}

Error unknown(const Usage& usage, const std::string& flag) {
  std::vector<std::string> known{"--help", "--env-file"};
  for (const Flag& one : usage.flags) known.emplace_back(one.name);
  for (const auto& option : app::options()) known.push_back(app::flag_of(option.variable));
  const auto meant = app::nearest(flag, known);
  return wrong(usage, "there is no option " + app::shown(flag) +
                          (meant ? "; did you mean " + *meant + "?" : ""));
}

}  // namespace

std::string Words::last(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() || found->second.empty() ? "" : found->second.back();
}

Result<Words> read_words(const Usage& usage, const std::vector<std::string>& arguments) {
  Words words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") {
      words.rest.insert(words.rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                        arguments.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      words.rest.push_back(word);
      continue;
    }
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    words.help = words.help || name == "--help" || name == "-h";
    if (name == "--help" || name == "-h") continue;
    const auto flag = std::find_if(usage.flags.begin(), usage.flags.end(),
                                   [&name](const Flag& one) { return name == one.name; });
    const bool ours = flag != usage.flags.end();
    if (!ours && !is_setting(name)) return unknown(usage, name);
    const bool wants_value = !ours || *flag->value != '\0';
    if (!wants_value && equals != std::string::npos) return wrong(usage, name + " takes no value");
    std::string value;
    if (wants_value && equals != std::string::npos) value = word.substr(equals + 1);
    if (wants_value && equals == std::string::npos) {
      if (++i == arguments.size()) return wrong(usage, name + " needs a value");
      value = arguments[i];
    }
    if (!ours || *flag->setting != '\0') {
      words.settings.push_back(ours ? app::flag_of(flag->setting) : name);
      words.settings.push_back(value);
    }
    if (ours) words.flags[name].push_back(std::move(value));
  }
  return words;
}

std::string usage_text(const Usage& usage) {
  std::string text = std::string("Usage: omcp-r-sandbox ") + usage.name + " " + usage.arguments +
                     " [OPTION]...\n\n" + app::wrapped(usage.help, 0) + "\n";
  for (const Flag& flag : usage.flags) {
    text += std::string("  ") + flag.name + (*flag.value == '\0' ? "" : " ") + flag.value + "\n" +
            app::wrapped(flag.help, 6);
  }
  return text + "\n" +
         app::wrapped(
             "Each setting of the server is an option, too, and is read from the same places: "
             "omcp-r-sandbox --help lists them.",
             0);
}

}  // namespace omcp_r::commands
