#include "commands/image_check.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "commands/say.hpp"
#include "omcp_r/base/background.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::embedded {
extern const std::string_view kImageCheck;
}

namespace omcp_r::commands {
namespace {

/// What R prints of it is read to this length: 3,000 packages.
constexpr std::size_t kMostPrinted = std::size_t{1} << 20;
constexpr std::size_t kMostProblems = 40;

std::vector<std::string> cells(std::string_view line) {
  std::vector<std::string> found;
  while (true) {
    const std::size_t tab = line.find('\t');
    found.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return found;
    line.remove_prefix(tab + 1);
  }
}

void read_line(const std::vector<std::string>& line, ImageFacts& facts) {
  const auto cell = [&line](std::size_t i) { return i < line.size() ? line[i] : std::string{}; };
  const std::string key = cell(1);
  if (key == "r") {
    facts.r_version = cell(2);
    facts.platform = cell(3);
  } else if (key == "utf8") {
    facts.utf8 = cell(2) == "TRUE";
  } else if (key == "cairo") {
    facts.cairo = cell(2) == "TRUE";
  } else if (key == "compiler") {
    facts.compiler = cell(2) == "TRUE";
  } else if (key == "fonts") {
    facts.scripts_without_font = cell(2);
  } else if (key == "package") {
    facts.packages.push_back({cell(2), cell(3), cell(4)});
  } else if (key == "end") {
    facts.whole = true;
  }
}

std::string code_of(const std::vector<std::string>& packages) {
  std::string names;
  for (const std::string& name : packages) names += (names.empty() ? "\"" : ", \"") + name + "\"";
  // The script is one call, and R prints what it prints as it goes.
  return "wanted <- " + (packages.empty() ? std::string("NULL") : "c(" + names + ")") + "\n" +
         std::string(embedded::kImageCheck);
}

void line(const std::string& what, const std::string& found) {
  say(what + std::string(what.size() < 10 ? 10 - what.size() : 1, ' ') + printable(found, 400));
}

int print_facts(const ImageFacts& facts, const std::string& image) {
  line("Image", image);
  line("R", facts.r_version + " (" + facts.platform + ")");
  line("UTF-8", facts.utf8 ? "yes" : "no: set LANG=C.UTF-8 in the image");
  line("cairo", facts.cairo ? "yes" : "no: plots cannot be made; the R in it lacks libcairo");
  line("Fonts", facts.scripts_without_font.empty()
                    ? "for Latin, Chinese, Japanese, Korean and Indic scripts"
                    : "none for " + facts.scripts_without_font);
  line("Compiled",
       "code of one's own (Rcpp::sourceCpp, rstan::stan, brms::brm) does not run: "
       "nothing can be loaded from /sandbox or /tmp, which are noexec" +
           std::string(facts.compiler ? "" : ", and there is no compiler"));
  std::size_t failed = 0;
  for (const ImageFacts::Package& one : facts.packages) {
    if (!one.problem.empty()) ++failed;
  }
  line("Packages", std::to_string(facts.packages.size() - failed) + " of " +
                       std::to_string(facts.packages.size()) + " load");
  std::size_t told = 0;
  for (const ImageFacts::Package& one : facts.packages) {
    if (one.problem.empty() || ++told > kMostProblems) continue;
    line("  " + printable(one.name, 100),
         one.version.empty() ? "is not there" : one.version + ": " + one.problem);
  }
  return failed == 0 ? 0 : 1;
}

/// Runs the check in a sandbox that is there.
asio::awaitable<Result<ImageFacts>> ask_sandbox(Floors& floors, std::string id, std::string code) {
  std::string printed;
  sandbox::ExecutionRequest wanted;
  wanted.code = std::move(code);
  wanted.timeout = floors.sandboxes().settings().max_execution_timeout;
  wanted.on_output = [&printed](std::string_view bytes) {
    printed += bytes.substr(0, kMostPrinted - std::min(printed.size(), kMostPrinted));
  };
  const auto begun = co_await floors.sandboxes().execute(id, std::move(wanted));
  if (!begun) co_return begun.error();
  const sandbox::ExecutionPtr execution = *begun;
  while (!execution->done) co_await execution->changed.wait();
  ImageFacts facts = read_facts(printed);
  if (facts.whole) co_return facts;
  const std::string last =
      facts.packages.empty() ? "" : " after the package " + facts.packages.back().name;
  const std::string why = tools::verdict_of(*execution).message;
  co_return Error{Errc::kInternal, "R in the image did not come to the end of the check" + last +
                                       ". " + (why.empty() ? printable(printed, 1000) : why)};
}

}  // namespace

ImageFacts read_facts(std::string_view printed) {
  ImageFacts facts;
  while (!printed.empty()) {
    const std::size_t end = std::min(printed.find('\n'), printed.size());
    const std::string_view text = printed.substr(0, end);
    printed.remove_prefix(std::min(end + 1, printed.size()));
    const std::vector<std::string> found = cells(text);
    if (found.front() == "omcp-check") read_line(found, facts);
  }
  return facts;
}

asio::awaitable<int> check_image(Floors& floors, std::vector<std::string> packages) {
  sandbox::Sandboxes& sandboxes = floors.sandboxes();
  const auto made = co_await sandboxes.create({});
  if (!made) {
    complain(made.error().message);
    co_return 1;
  }
  const std::string id = made->id;
  constexpr int kStopped = 130;
  bool stopped = false;
  asio::signal_set signals{floors.io(), SIGINT, SIGTERM, SIGHUP};
  signals.async_wait([&](const auto& error, int /*signal*/) {
    if (error) return;
    stopped = true;
    spawn(floors.io().get_executor(), "stop",
          [](sandbox::Sandboxes& all, std::string which) -> asio::awaitable<void> {
            (void)co_await all.remove(which, true);
          }(sandboxes, id));
  });
  const auto facts = co_await ask_sandbox(floors, id, code_of(packages));
  signals.cancel();
  (void)co_await sandboxes.remove(id, true);
  if (stopped) co_return kStopped;
  if (!facts) {
    complain(facts.error().message);
    co_return 1;
  }
  co_return print_facts(*facts, sandboxes.settings().image);
}

}  // namespace omcp_r::commands
