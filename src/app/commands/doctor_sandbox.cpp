#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "commands/doctor_checks.hpp"
#include "commands/lines.hpp"
#include "commands/progress.hpp"
#include "commands/visit.hpp"
#include "omcp_r/base/text.hpp"

// The image, and a sandbox made to look at itself.

namespace omcp_r::embedded {
extern const std::string_view kLookAround;
}

namespace omcp_r::commands::checks {
namespace {

using Inside = std::map<std::string, std::string>;

constexpr std::chrono::seconds kPatience{60};

/// Where a person sees it, and can stop it.
bool is_to_be_got(const Facts& facts) {
  return facts.config.sandbox.pull_missing || ::isatty(STDERR_FILENO) != 0;
}

asio::awaitable<Result<std::string>> get_image(Floors& floors, std::string name) {
  Progress pulling;
  engine::Watcher watcher;
  watcher.on_output = [&pulling](std::string_view bytes) { pulling.take(bytes); };
  const Status pulled = co_await floors.engine().pull(name, std::move(watcher));
  pulling.end();
  if (!pulled) {
    co_return pulled.error();
  }
  co_return co_await floors.engine().image(name);
}

asio::awaitable<void> ask_images(Floors& floors, Facts& facts) {
  if (!facts.engine) {
    co_return;  // each of them would wait for it, too
  }
  std::vector<std::string> names = facts.config.sandbox.allowed_images;
  names.insert(names.begin(), facts.config.sandbox.image);
  for (const std::string& name : names) {
    auto digest = co_await floors.engine().image(name);
    const bool missing = !digest && digest.error().code == Errc::kImageNotFound;
    if (missing && name == facts.config.sandbox.image && is_to_be_got(facts)) {
      digest = co_await get_image(floors, name);
    }
    facts.images.insert_or_assign(name, digest ? Status{Ok{}} : Status{digest.error()});
  }
}

Findings images(const Facts& facts) {
  Findings found;
  for (const auto& [name, status] : facts.images) {
    const bool usual = name == facts.config.sandbox.image;
    const std::string setting = usual ? "DOCKER_IMAGE" : "ALLOWED_IMAGES";
    Finding finding = ok("there, of " + setting);
    if (!status && status.error().code == Errc::kImageNotFound) {
      finding = failure(
          "not there, of " + setting,
          "PULL=missing gets it when a sandbox needs it. Or build one (omcp-r-sandbox image "
          "build --recipe stats), or set " +
              setting + " to what is there (omcp-r-sandbox image list).");
      if (!usual) finding.health = Health::kWarning;
    } else if (!status) {
      finding = unknown(status.error().message);
    }
    found.push_back(of(name, std::move(finding)));
  }
  return found;
}

// --- the sandbox ---------------------------------------------------------------------------------

asio::awaitable<void> look_from_inside(Floors& floors, Facts& facts) {
  if (!facts.engine) {
    co_return;
  }
  sandbox::CreateRequest wanted;
  wanted.idle_timeout = std::min(2 * kPatience, floors.sandboxes().settings().idle_timeout);
  std::string code{embedded::kLookAround};
  const Visit visit = co_await visit_sandbox(floors, std::move(wanted), std::move(code), kPatience);
  facts.sandbox = visit.sandbox;
  facts.removed = visit.removed;
  facts.inside = visit.ended ? read_facts(visit.printed) : Result<Inside>{visit.ended.error()};
}

bool has_image(const Facts& facts) {
  const auto usual = facts.images.find(facts.config.sandbox.image);
  return usual == facts.images.end() || usual->second ||
         usual->second.error().code != Errc::kImageNotFound;
}

Finding starts(const Facts& facts) {
  if (facts.sandbox) return ok("yes, " + facts.sandbox->id);
  if (!facts.engine) return unknown("not tried, since the engine does not answer");
  const Error& error = facts.sandbox.error();
  if (!has_image(facts)) return unknown("not tried, since the image is not there");
  if (error.code == Errc::kLimitReached) {
    return warning("not tried, since there are as many as there may be",
                   "omcp-r-sandbox list shows them; remove one, and try again.");
  }
  return failure("no sandbox can be started", error.message);
}

Finding r_version(const Facts& facts) {
  if (!facts.sandbox) return unknown("no sandbox was started");
  const std::string version = facts.sandbox->r_version;
  return version.empty() ? unknown("R does not tell its version") : ok("R " + version);
}

Finding tells(const Facts& facts) {
  if (!facts.sandbox) return unknown("no sandbox was started");
  if (facts.inside) return ok(std::to_string(facts.inside->size()) + " facts told by R in it");
  return failure("R in it does not tell what holds it", facts.inside.error().message);
}

Finding is_removed(const Facts& facts) {
  if (!facts.sandbox) return unknown("no sandbox was started");
  if (facts.removed) return ok("yes");
  return failure("the sandbox " + facts.sandbox->id + " could not be removed",
                 facts.removed.error().message);
}

std::string nothing_told(const Facts& facts) {
  return facts.inside ? "" : "not looked at, since nothing was told from inside a sandbox";
}

std::vector<Check> sandbox_checks() {
  std::vector<Check> all{{"starts", "Starts", starts, true},
                         {"r", "R", r_version, true},
                         {"tells", "Looked at", tells, true}};
  for (Check& check : isolation_checks()) all.push_back(check);
  all.push_back({"removed", "Removed again", is_removed, true});
  return all;
}

}  // namespace

Result<Inside> read_facts(std::string_view printed) {
  constexpr std::array kKnown{"Uid",
                              "Gid",
                              "Groups",
                              "CapInh",
                              "CapPrm",
                              "CapEff",
                              "CapBnd",
                              "CapAmb",
                              "NoNewPrivs",
                              "Seccomp",
                              "mount /",
                              "mount /tmp",
                              "mount /sandbox",
                              "mount /dev/shm",
                              "mount /data",
                              "written",
                              "run",
                              "interfaces",
                              "routes",
                              "connected",
                              "Max core file size",
                              "Max open files",
                              "Max file size",
                              "Max processes",
                              "memory",
                              "swap",
                              "memory and swap",
                              "processes",
                              "processors",
                              "shown",
                              "changeable",
                              "sockets",
                              "setuid",
                              "priority",
                              "confined",
                              "process 1",
                              "open in process 1",
                              "data",
                              "end"};
  constexpr std::size_t kLongestValue = 400;
  Inside facts;
  while (!printed.empty()) {
    const std::string_view line = take_line(printed);
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string name{line.substr(0, equals)};
    const bool known = std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
    if (!known || equals == line.size() || facts.contains(name)) {
      return Error{Errc::kInternal,
                   "What it prints is not what our code prints. Try again; if it stays, do not "
                   "trust the image."};
    }
    facts[name] = printable(line.substr(equals + 1), kLongestValue);
  }
  if (facts.size() == kKnown.size()) return facts;
  return Error{Errc::kInternal,
               "It does not come to its end. See whether R in the image is whole: omcp-r-sandbox "
               "run -e 'R.version'."};
}

const Group& image_group() {
  static const Group kGroup{"image", "Image", ask_images, no_engine, {{"there", "Image", images}}};
  return kGroup;
}

const Group& sandbox_group() {
  static const Group kGroup{"sandbox", "A sandbox, looked at from inside", look_from_inside,
                            nothing_told, sandbox_checks()};
  return kGroup;
}

}  // namespace omcp_r::commands::checks
