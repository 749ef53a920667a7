#include "commands/image.hpp"

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

namespace omcp_r::commands {
namespace {

namespace fs = std::filesystem;

std::string size_of(const engine::Image& image) {
  constexpr std::uint64_t kMega = 1'000'000;
  return std::to_string(image.bytes / kMega) + " MB";
}

/// A folder for what an image is built from, in the state folder, so that it can be read later.
Result<fs::path> write_folder(const ImageOrder& order, const std::string& text,
                              const std::string& state) {
  std::string name = order.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == ':' || c == '@'; }, '-');
  const fs::path folder = fs::path(state) / "images" / name;
  std::error_code failure;
  fs::remove_all(folder, failure);
  fs::create_directories(folder, failure);
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
  return folder;
}

/// What R of the image and R of the lock file mean for each other.
void compare_r(const ImageOrder& order, const Base& base) {
  const auto series = [](const std::string& version) {
    return version.substr(0, version.find('.', version.find('.') + 1));
  };
  if (!order.r_of_lock.empty() && series(order.r_of_lock) != series(base.r_version)) {
    complain("renv.lock was made with R " + printable(order.r_of_lock, 20) + ", and " +
             order.wanted.base + " brings R " + printable(base.r_version, 40) +
             ": packages are installed for that; another --base has another R");
  }
}

void say_use(const engine::Image& image) {
  say("Size      " + size_of(image));
  say("\nTo use it, set DOCKER_IMAGE=" + image.name +
      ", in .env or with omcp-r-sandbox install --env DOCKER_IMAGE=" + image.name + ".");
}

asio::awaitable<int> build(Floors& floors, ImageOrder order, bool print) {
  std::fprintf(stderr, "Asking %s what there is for it\n", order.wanted.base.c_str());
  Progress pulling;
  const auto answers =
      co_await floors.images().ask(order.wanted.base, base_questions(), order.network,
                                   [&pulling](std::string_view bytes) { pulling.take(bytes); });
  pulling.end();
  if (!answers) {
    complain(answers.error().message + "\n" + pulling.last_lines() +
             "  --base names another image to make it from, --network another network to reach "
             "packages by.");
    co_return 1;
  }
  const auto base = read_base(*answers);
  if (!base) {
    complain(order.wanted.base + ": " + base.error().message);
    co_return 1;
  }
  const std::string text = dockerfile(order.wanted, *base);
  if (print) {
    std::fputs(text.c_str(), stdout);
    co_return 0;
  }
  compare_r(order, *base);
  const auto folder = write_folder(order, text, floors.sandboxes().settings().state_dir);
  if (!folder) {
    complain(folder.error().message);
    co_return 1;
  }
  const std::string log = folder->string() + ".log";
  std::fprintf(stderr, "Building %s as %s says\n", order.name.c_str(),
               (*folder / "Dockerfile").c_str());
  Progress progress{log};
  engine::Build what;
  what.folder = folder->string();
  what.name = order.name;
  what.network = order.network;
  const Status built = co_await floors.images().build(
      std::move(what), [&progress](std::string_view bytes) { progress.take(bytes); });
  progress.end();
  if (!built) {
    complain(built.error().message + "\n" + progress.last_lines() + "  All of it: " + log);
    co_return 1;
  }
  std::fputs("Loading its packages in a sandbox\n", stderr);
  const int status = co_await check_image(floors, std::move(order.to_load));
  const auto made = co_await floors.images().find(order.name);
  if (made) say_use(*made);
  co_return status;
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
    const bool listed = std::any_of(all.begin(), all.end(), [&name](const engine::Image& one) {
      return one.name == name || one.name == name + ":latest";
    });
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
    const auto is_it = [&one](const std::string& name) {
      return one.name == name || one.name == name + ":latest";
    };
    const bool usual = is_it(settings.image);
    const bool allowed = std::any_of(used.begin(), used.end(), is_it);
    const bool there = !one.digest.empty();
    lines.push_back({one.name, one.recipe, there ? size_of(one) : "",
                     there ? rfc3339(static_cast<double>(one.created)).substr(0, 10) : "not there",
                     usual ? "DOCKER_IMAGE" : (allowed ? "ALLOWED_IMAGES" : "")});
  }
  print_table(lines);
  co_return 0;
}

asio::awaitable<int> check(Floors& floors) {
  const int status = co_await check_image(floors, {});
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
    task.image = task.order.name;
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
       {"--print", "", "Print the Dockerfile, and build nothing."}}};
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
