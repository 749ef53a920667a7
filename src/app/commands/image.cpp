#include "commands/image.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "commands/commands.hpp"
#include "commands/dockerfile.hpp"
#include "commands/floors.hpp"
#include "commands/image_check.hpp"
#include "commands/image_order.hpp"
#include "commands/progress.hpp"
#include "commands/recipes.hpp"
#include "commands/say.hpp"
#include "commands/table.hpp"
#include "omcp_r/app/values.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/base/unique_fd.hpp"
#include "omcp_r/sandbox/library.hpp"

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOfError = 600;

std::string size_of(const engine::Image& image) {
  constexpr std::uint64_t kMega = 1'000'000;
  return std::to_string(image.bytes / kMega) + " MB";
}

/// What an image is built from, for as long as that takes nobody else's.
struct BuildFolder {
  fs::path path;
  UniqueFd lock;
};

/// A folder in the state folder, so that it can be read later. Its name stands for one image alone;
/// what else lies there is left.
Result<BuildFolder> write_folder(const ImageOrder& order, const std::string& text,
                                 const std::string& state) {
  std::string name;
  for (const char c : order.name) {
    name += c == '/' ? "%2F" : (c == ':' ? "%3A" : std::string(1, c));
  }
  const fs::path folder = fs::path(state) / "images" / name;
  std::error_code failure;
  fs::create_directories(folder, failure);
  UniqueFd lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{Errc::kBusy,
                 lock ? order.name + " is being built already: wait until that has ended"
                      : folder.string() + " cannot be made"};
  }
  for (const auto& [file, content] :
       {std::pair<const char*, const std::string&>{"Dockerfile", text},
        std::pair<const char*, const std::string&>{"renv.lock", order.lock},
        std::pair<const char*, const std::string&>{"prepare.R", order.prepare}}) {
    if (content.empty()) continue;
    std::ofstream out{folder / file, std::ios::binary};
    out << content;
    out.close();
    if (!out) {
      return Error{Errc::kInternal, (folder / file).string() + " cannot be written"};
    }
  }
  return BuildFolder{folder, std::move(lock)};
}

/// What R of the image and R of the lock file mean for each other.
void compare_r(const ImageOrder& order, const Base& base) {
  if (!order.r_of_lock.empty() &&
      sandbox::r_series(order.r_of_lock) != sandbox::r_series(base.r_version)) {
    complain("renv.lock was made with R " + printable(order.r_of_lock, 20) + ", and " +
             order.wanted.base + " brings R " + printable(base.r_version, 40) +
             ": packages are installed for that; another --base has another R");
  }
}

/// What apt or R of the base says where the network is the trouble.
constexpr const char* kReach =
    "  --network names another network to reach packages by, and the variables http_proxy and "
    "https_proxy a proxy.";

asio::awaitable<Result<Base>> ask_base(Floors& floors, const ImageOrder& order) {
  std::fprintf(stderr, "Asking %s what there is for it\n", order.wanted.base.c_str());
  Progress pulling;
  engine::Watcher watcher;
  watcher.on_output = [&pulling](std::string_view bytes) { pulling.take(bytes); };
  const auto answers = co_await floors.images().ask(order.wanted.base, base_questions(),
                                                    order.network, std::move(watcher));
  pulling.end();
  if (!answers) {
    co_return Error{answers.error().code,
                    printable(answers.error().message, kMostOfError) + "\n" + pulling.last_lines() +
                        "  --base names another image to make it from.\n" + kReach};
  }
  auto base = read_base(*answers);
  if (!base) {
    base = Error{base.error().code, order.wanted.base + ": " + base.error().message};
  }
  co_return base;
}

/// Builds it under the name that it has until it is known to be good.
asio::awaitable<Status> build_folder(Floors& floors, const ImageOrder& order, fs::path folder) {
  const std::string log = folder.string() + ".log";
  std::fprintf(stderr, "Building %s as %s says\n", order.name.c_str(),
               (folder / "Dockerfile").c_str());
  Progress progress{log};
  engine::Build what;
  what.folder = folder.string();
  what.name = order.name_until_checked();
  what.network = order.network;
  what.fresh = order.fresh;
  engine::Watcher watcher;
  watcher.on_output = [&progress](std::string_view bytes) { progress.take(bytes); };
  const Status built = co_await floors.images().build(std::move(what), std::move(watcher));
  progress.end();
  if (!built) {
    co_return Error{built.error().code, printable(built.error().message, kMostOfError) + "\n" +
                                            progress.last_lines() + "  All of it: " + log + "\n" +
                                            kReach};
  }
  co_return Ok{};
}

asio::awaitable<int> build(Floors& floors, ImageOrder order, bool print) {
  const auto base = co_await ask_base(floors, order);
  if (!base) {
    complain(base.error().message);
    co_return 1;
  }
  const std::string text = dockerfile(order.wanted, *base);
  if (print) {
    std::fputs(text.c_str(), stdout);
    co_return 0;
  }
  compare_r(order, *base);
  auto folder = write_folder(order, text, floors.sandboxes().settings().state_dir);
  if (!folder) {
    complain(folder.error().message);
    co_return 1;
  }
  const Status built = co_await build_folder(floors, order, folder->path);
  if (!built) {
    complain(built.error().message);
    co_return 1;
  }
  std::fputs("Loading its packages in a sandbox\n", stderr);
  const int status = co_await check_image(floors, order.to_load, order.name);
  const std::string made = order.name_until_checked();
  if (status != 0) {
    complain("what was built is " + made + "; " + order.name + " is what it was before");
    co_return status;
  }
  const Status named = co_await floors.images().rename(made, order.name);
  if (!named) {
    complain(named.error().message);
    co_return 1;
  }
  const auto image = co_await floors.images().find(order.name);
  if (image) say("Size      " + size_of(*image));
  say("\nTo use it, set DOCKER_IMAGE=" + order.name +
      ", in .env or with omcp-r-sandbox install --env DOCKER_IMAGE=" + order.name + ".");
  co_return 0;
}

bool is_called(const engine::Image& image, const std::string& name) {
  return image.name == name || image.name == name + ":latest";
}

asio::awaitable<int> list_images(Floors& floors) {
  const sandbox::Settings& settings = floors.sandboxes().settings();
  const auto made = co_await floors.images().made_here();
  if (!made) {
    complain(made.error().message);
    co_return 1;
  }
  std::vector<std::string> used{settings.image};
  used.insert(used.end(), settings.allowed_images.begin(), settings.allowed_images.end());
  std::vector<engine::Image> all = *made;
  for (const std::string& name : used) {
    const bool listed = std::any_of(
        all.begin(), all.end(), [&name](const engine::Image& one) { return is_called(one, name); });
    if (listed) continue;
    auto found = co_await floors.images().find(name);
    if (!found && found.error().code != Errc::kImageNotFound) {
      complain(found.error().message);
      co_return 1;
    }
    engine::Image missing;
    missing.name = name;
    all.push_back(found ? std::move(*found) : std::move(missing));
  }
  std::vector<std::vector<std::string>> lines{{"IMAGE", "MADE OF", "SIZE", "CREATED", "USE"}};
  for (const engine::Image& one : all) {
    const bool usual = is_called(one, settings.image);
    const bool allowed = std::any_of(
        used.begin(), used.end(), [&one](const std::string& name) { return is_called(one, name); });
    const bool there = !one.digest.empty();
    lines.push_back({one.name, one.recipe, there ? size_of(one) : "",
                     there ? rfc3339(static_cast<double>(one.created)).substr(0, 10) : "not there",
                     usual ? "DOCKER_IMAGE" : (allowed ? "ALLOWED_IMAGES" : "")});
  }
  print_table(lines);
  co_return 0;
}

asio::awaitable<int> check(Floors& floors) {
  std::vector<std::string> all;
  const int status = co_await check_image(floors, all, floors.sandboxes().settings().image);
  co_return status;
}

/// What the words ask for, and the image that it is about, which is the one that sandboxes run.
struct Task {
  std::string verb;
  std::string image;  ///< "" is the configured one
  ImageOrder order;
};

Result<Task> read_task(const Words& words) {
  Task task;
  task.verb = words.rest.empty() ? "" : words.rest.front();
  const Error unclear{Errc::kInvalidArgument,
                      "image build, image list, or image check IMAGE; omcp-r-sandbox image --help "
                      "says more"};
  if (task.verb != "build" && task.verb != "list" && task.verb != "check") return unclear;
  if (std::find(words.settings.begin(), words.settings.end(), "--docker-image") !=
          words.settings.end() &&
      task.verb != "list") {
    return Error{Errc::kInvalidArgument,
                 "the image is " + std::string(task.verb == "build" ? "named by --tag"
                                                                    : "the word behind check")};
  }
  const std::size_t most = task.verb == "check" ? 2 : 1;
  if (words.rest.size() > most) return unclear;
  if (task.verb != "build" && !words.flags.empty()) {
    return Error{Errc::kInvalidArgument,
                 words.flags.begin()->first + " is an option of image build alone"};
  }
  if (task.verb == "check" && words.rest.size() == 2) task.image = words.rest.back();
  if (task.verb == "build") {
    auto order = read_order(words);
    if (!order) return order.error();
    task.order = std::move(*order);
    task.image = task.order.name_until_checked();
  }
  return task;
}

}  // namespace

const Usage& image_usage() {
  static const std::string kRecipes = [] {
    std::string text = "What many people want:";
    for (const Recipe& one : recipes()) text += std::string(" ") + one.name + ": " + one.help;
    return text;
  }();
  static const Usage kUsageOfImage{
      "image",
      "build | list | check [IMAGE]",
      "Build an image with R packages, list the images that were built and those in use, or tell "
      "what R in one can do, as a sandbox sees it. The options below are those of build.",
      {{"--packages", "NAMES", "R packages, with commas between them."},
       {"--recipe", "NAME", kRecipes.c_str()},
       {"--renv", "FILE", "A renv.lock: its packages, in their versions."},
       {"--system", "NAMES", "Further packages of Debian's, such as libraries that R's need."},
       {"--base", "IMAGE",
        "What it is made from, of Debian or Ubuntu; debian:trixie-slim where there is none. With "
        "rocker/r2u packages come from r2u, with rocker/r-ver from Posit's package manager."},
       {"--tag", "IMAGE", "Its name."},
       {"--cran", "URL", "The repository for what the distribution lacks."},
       {"--network", "NAME", "What the build reaches that by; host where there is none."},
       {"--compiler", "", "Leave compilers in it."},
       {"--fresh", "", "Take nothing of earlier builds: the newest packages of the base."},
       {"--print", "",
        "Print the Dockerfile, and build nothing. The base is asked all the same."}}};
  return kUsageOfImage;
}

int image(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = arguments;
  const auto words = read_words(image_usage(), arguments);
  Result<Task> task = Error{Errc::kInvalidArgument, ""};
  if (words && !words->help) {
    task = read_task(*words);
    if (!task) {
      complain(task.error().message);
      return kUsage;
    }
    if (!task->image.empty()) {
      all.insert(all.begin(), {"--docker-image", task->image});
    }
  }
  return with_sandboxes(image_usage(), all, [&task](Floors& floors, const Words& given) {
    if (task->verb == "build") return build(floors, task->order, given.has("--print"));
    return task->verb == "list" ? list_images(floors) : check(floors);
  });
}

}  // namespace omcp_r::commands
