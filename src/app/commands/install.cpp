#include "commands/install.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "commands/commands.hpp"
#include "commands/diff.hpp"
#include "commands/hosts.hpp"
#include "commands/install_arguments.hpp"
#include "commands/list_servers.hpp"
#include "commands/make_entry.hpp"
#include "commands/programs.hpp"
#include "commands/replace_file.hpp"
#include "commands/say.hpp"

namespace omcp_r::commands {
namespace {

using app::Surroundings;
using nlohmann::ordered_json;
using Kind = InstallRequest::Kind;

/// Node takes its time to start, on a busy machine above all.
constexpr std::chrono::seconds kCommandPatience{60};

/// For people to copy into a shell.
std::string shell_text(const Arguments& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@+";
  std::string line;
  for (const std::string& word : words) {
    line += line.empty() ? "" : " ";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

/// A file of a host with what it says of us.
struct File {
  std::string path;
  std::optional<std::string> text{};
  std::optional<ordered_json> entry{};
};

Result<File> look_into(const Host& host, const std::string& path, const KeyPath& keys) {
  const auto text = read_text(path);
  if (!text) return text.error();
  File file{path, *text};
  if (!file.text) return file;
  auto entry = host.format->find(*file.text, keys);
  if (!entry) return Error{Errc::kInvalidArgument, path + ": " + entry.error().message};
  file.entry = std::move(*entry);
  return file;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a file was before we came: the text that our entry, put into it, makes what there is now.
/// nullopt for the text of a file that was not there.
struct Original {
  std::optional<std::string> text;
};

std::optional<Original> original_of(const Host& host, const File& file, const KeyPath& keys) {
  for (const std::string& backup : backups_of(file.path)) {
    const auto text = read_text(backup);
    // There may be many, of megabytes: those that cannot be it are not even parsed.
    const bool may_be =
        text && *text && (*text)->size() < file.text->size() && !contains(**text, keys.back());
    if (!may_be) continue;
    const auto absent = host.format->find(**text, keys);
    const auto again = host.format->set(**text, keys, *file.entry);
    if (absent && !*absent && again && *again == *file.text) return Original{**text};
  }
  const auto made = host.format->set("", keys, *file.entry);
  if (made && *made == *file.text) return Original{std::nullopt};
  return std::nullopt;
}

/// Installs into one host, or takes us out of it.
class Work {
 public:
  Work(const Host& host, const InstallRequest& request, const Entry& entry,
       const Surroundings& surroundings)
      : host_(host),
        request_(request),
        entry_(entry),
        keys_{host.key, request.name},
        program_(command_of(host, surroundings)) {}

  /// Whether it went well.
  bool run(const std::string& path) {
    const auto file = look_into(host_, path, keys_);
    if (!file) {
      complain(std::string(host_.title) + ": " + file.error().message);
      return false;
    }
    const bool removes = request_.kind == Kind::kUninstall;
    if (removes && !file->entry) return done("not configured in " + path, nullptr);
    const ordered_json wanted = shaped(host_.shape, entry_);
    if (!removes && file->entry && says(*file->entry, wanted)) {
      return done("already configured in " + path, nullptr);
    }
    if (!removes && file->entry && !is_ours(*file->entry, entry_)) {
      complain(std::string(host_.title) + ": " + request_.name + " in " + path +
               " is another server, which keeps its place. Choose another --name, or take that one "
               "out first, with --uninstall.");
      return false;
    }
    if (removes) return by_command(*file, removing(), nullptr) || remove_from_file(path);
    const ordered_json whole = file->entry ? merged(*file->entry, wanted) : wanted;
    return by_command(*file, adding(*file, whole), &wanted) || write_to_file(path, whole);
  }

 private:
  bool done(const std::string& what, const char* advice) {
    say(std::string(host_.title) + ": " + what);
    if (advice != nullptr) say(advice);
    return true;
  }

  /// The lines of the host's command; none where it has no such command, or where that would lose
  /// what else is there.
  [[nodiscard]] std::vector<Arguments> adding(const File& file, const ordered_json& whole) const {
    const HostCommand& command = host_.command;
    if (command.add == nullptr) return {};
    if (!file.entry) return {command.add(request_.name, entry_, whole)};
    if (!command.replaces) return {};
    return {command.remove(request_.name), command.add(request_.name, entry_, whole)};
  }

  [[nodiscard]] std::vector<Arguments> removing() const {
    if (host_.command.remove == nullptr) return {};
    return {host_.command.remove(request_.name)};
  }

  /// Has the host's command do it, with the file as it was kept beside it. False where it has not:
  /// then the file is edited. `wanted` is nullptr where the entry is to be gone.
  bool by_command(const File& file, const std::vector<Arguments>& lines,
                  const ordered_json* wanted) {
    if (program_.empty() || lines.empty()) return false;
    if (request_.dry_run) return run_command(lines);
    if (file.text) keep(file);
    const bool good = run_command(lines) && took(file.path, wanted);
    if (!backup_.empty()) look_after(file);
    if (good) finish();
    return good;
  }

  void keep(const File& file) {
    auto copy = back_up(file.path, *file.text);
    if (copy) backup_ = std::move(*copy);
    if (!copy) complain(copy.error().message + ", so there is no backup");
  }

  /// A command that failed may have left the file broken, or none: then it is put back.
  void look_after(const File& before) {
    const auto now = look_into(host_, before.path, keys_);
    const bool broken = !now || !now->text;
    if (!broken && now->text != before.text) return;
    if (broken) complain(before.path + " was left broken; it is put back as it was");
    const Status gone = broken ? put_back(backup_) : drop(backup_);
    if (!gone) complain(gone.error().message);
    if (gone) backup_.clear();
  }

  /// Whether the host's command has done it in this file: it may be that of another application, or
  /// of another profile or project. The command may have left the work to the host that runs, which
  /// takes a moment.
  bool took(const std::string& path, const ordered_json* wanted) {
    constexpr int kTries = 20;
    constexpr std::chrono::milliseconds kPause{100};
    for (int i = 0;; ++i) {
      const auto file = look_into(host_, path, keys_);
      const bool has = file && file->entry;
      if (file && (wanted == nullptr ? !has : has && says(*file->entry, *wanted))) return true;
      if (i == kTries) break;
      std::this_thread::sleep_for(kPause);
    }
    say("But " + path + (wanted == nullptr ? " still has it" : " does not have it") +
        "; editing it instead.");
    return false;
  }

  bool run_command(const std::vector<Arguments>& lines) {
    say(std::string(host_.title) + ": by its own command" +
        (request_.dry_run ? ", which would be" : ""));
    for (const Arguments& line : lines) {
      Arguments words = line;
      words.insert(words.begin(), program_);
      say("  " + shell_text(words));
      if (request_.dry_run) continue;
      const auto output = output_of(words, kCommandPatience);
      if (output) continue;
      complain(output.error().message + "; editing its file instead");
      return false;
    }
    return true;
  }

  bool write_to_file(const std::string& path, const ordered_json& whole) {
    return edit(path, [&](const File& file) -> Result<std::optional<std::string>> {
      auto text = host_.format->set(file.text.value_or(""), keys_, whole);
      if (!text) return text.error();
      return std::optional(std::move(*text));
    });
  }

  bool remove_from_file(const std::string& path) {
    return edit(path, [&](const File& file) -> Result<std::optional<std::string>> {
      if (!file.entry) return file.text;
      if (auto original = original_of(host_, file, keys_)) return original->text;
      auto text = host_.format->remove(*file.text, keys_);
      if (!text) return text.error();
      return std::optional(std::move(*text));
    });
  }

  /// Reads the file again: a command of the host may have touched it.
  template <class Editor>
  bool edit(const std::string& path, Editor&& editor) {
    const auto file = look_into(host_, path, keys_);
    if (!file) {
      complain(std::string(host_.title) + ": " + file.error().message);
      return false;
    }
    const auto text = editor(*file);
    if (!text) {
      complain(path + ": " + text.error().message + ". It is left as it is.");
      return false;
    }
    say(std::string(host_.title) + ": " + path + (*text ? "" : ", which held nothing else") +
        (request_.dry_run ? ", which would be changed" : ""));
    std::fputs(difference(file->text.value_or(""), text->value_or("")).c_str(), stdout);
    if (*text == file->text) {
      if (!backup_.empty()) finish();  // the host's command had done it before it failed
      return true;
    }
    return request_.dry_run ? could_store(path) : store(*file, *text);
  }

  static bool could_store(const std::string& path) {
    const Status possible = check_folder(path);
    if (!possible) complain(possible.error().message);
    return possible.ok();
  }

  bool store(const File& file, const std::optional<std::string>& text) {
    Status stored = Ok{};
    if (text) {
      auto replaced = replace_file(file.path, file.text, *text);
      if (replaced && backup_.empty()) backup_ = std::move(*replaced);
      if (!replaced) stored = replaced.error();
    } else {
      stored = remove_file(file.path, file.text.value_or(""));
    }
    if (!stored) {
      complain(stored.error().message);
      return false;
    }
    finish();
    return true;
  }

  void finish() const {
    const bool removes = request_.kind == Kind::kUninstall;
    say((removes ? "Done." : std::string("Done. ") + host_.advice) +
        (backup_.empty() ? "" : " The file as it was: " + backup_));
  }

  const Host& host_;
  const InstallRequest& request_;
  const Entry& entry_;
  KeyPath keys_;
  std::string program_;
  std::string backup_;  ///< of the file as it was before anything of this touched it
};

bool is_here(const Host& host, const Surroundings& surroundings) {
  if (host.only_by_name) return false;
  const auto places = places_of(host, surroundings);
  return std::any_of(places.begin(), places.end(), [](const auto& one) { return one.has_home; }) ||
         !command_of(host, surroundings).empty();
}

std::vector<const Host*> chosen_hosts(const InstallRequest& request,
                                      const Surroundings& surroundings) {
  if (!request.hosts.empty()) return request.hosts;
  std::vector<const Host*> found;
  std::string names;
  for (const Host& host : hosts()) {
    if (!is_here(host, surroundings)) continue;
    found.push_back(&host);
    names += (names.empty() ? "" : ", ") + std::string(host.title);
  }
  if (!found.empty()) say("Found on this machine: " + names);
  return found;
}

/// A failure that nobody thought of is no reason to leave out the other hosts.
bool change_one(const Host& host, const InstallRequest& request, const Entry& entry,
                const std::string& file, const Surroundings& surroundings) {
  try {
    return Work{host, request, entry, surroundings}.run(file);
  } catch (const std::exception& failure) {
    complain(std::string(host.title) + ": " + file + ": " + failure.what());
    return false;
  }
}

int change(const InstallRequest& request, const Surroundings& surroundings) {
  const std::vector<const Host*> chosen = chosen_hosts(request, surroundings);
  if (chosen.empty()) {
    complain(
        "no host was found on this machine. Name the one to configure, such as "
        "omcp-r-sandbox install claude-desktop; install --help lists them.");
    return 1;
  }
  std::vector<std::string> warnings;
  const bool installs = request.kind == Kind::kInstall;
  const auto entry =
      installs ? make_entry(request, surroundings, warnings) : Result<Entry>{Entry{}};
  if (!entry) {
    complain(entry.error().message);
    return 1;
  }
  for (const std::string& warning : warnings) complain(warning);
  bool good = true;
  for (const Host* const host : chosen) {
    for (const FoundPlace& place : places_of(*host, surroundings)) {
      good = change_one(*host, request, *entry, place.file, surroundings) && good;
    }
  }
  return good ? 0 : 1;
}

}  // namespace

int install(const std::vector<std::string>& arguments) {
  const Surroundings surroundings = app::process_surroundings();
  const auto request = parse_install(arguments, surroundings);
  if (!request) {
    complain(request.error().message);
    return kUsage;
  }
  if (request->kind == Kind::kHelp) {
    std::fputs(install_help().c_str(), stdout);
    return 0;
  }
  if (surroundings.home.empty()) {
    complain("there is no home folder: set HOME");
    return 1;
  }
  if (request->kind == Kind::kList) return list_servers(*request, surroundings);
  return change(*request, surroundings);
}

}  // namespace omcp_r::commands
