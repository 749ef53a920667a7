#include "commands/image_check.hpp"

#include <utility>

#include "commands/dockerfile.hpp"
#include "commands/lines.hpp"
#include "commands/say.hpp"
#include "commands/signals.hpp"
#include "commands/visit.hpp"
#include "omcp_r/base/text.hpp"

namespace omcp_r::embedded {
extern const std::string_view kImageCheck;
}

namespace omcp_r::commands {
namespace {

constexpr std::size_t kMostShown = 1000;
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
  // The script is one call, and R prints what it prints as it goes.
  return "wanted <- " + (packages.empty() ? "NULL" : r_vector(packages)) + "\n" +
         std::string(embedded::kImageCheck);
}

void line(const std::string& what, const std::string& found) {
  say(what + std::string(what.size() < 10 ? 10 - what.size() : 1, ' ') + printable(found, 400));
}

/// Of code that is compiled while it runs: Rcpp::sourceCpp, rstan::stan, brms::brm.
std::string what_compiles(const ImageFacts& facts, bool exec_tmp) {
  const std::string lacks = facts.compiler ? "" : "there is no compiler in it";
  if (exec_tmp) return lacks.empty() ? "code of one's own runs, from /tmp" : "nothing: " + lacks;
  return "nothing: /sandbox and /tmp are noexec (EXEC_TMP)" +
         (lacks.empty() ? "" : ", and " + lacks);
}

int print_facts(const ImageFacts& facts, const std::string& name, bool exec_tmp) {
  line("Image", name);
  line("R", facts.r_version + " (" + facts.platform + ")");
  line("UTF-8", facts.utf8 ? "yes" : "no: set LANG=C.UTF-8 in the image");
  line("cairo", facts.cairo ? "yes" : "no: plots cannot be made; the R in it lacks libcairo");
  line("Fonts", facts.scripts_without_font.empty()
                    ? "for Latin, Chinese, Japanese, Korean and Indic scripts"
                    : "none for " + facts.scripts_without_font);
  line("Compiled", what_compiles(facts, exec_tmp));
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

}  // namespace

ImageFacts read_image_facts(std::string_view printed) {
  ImageFacts facts;
  while (!printed.empty()) {
    const std::vector<std::string> found = cells(take_line(printed));
    if (found.front() == "omcp-check") read_line(found, facts);
  }
  return facts;
}

asio::awaitable<int> check_image(Floors& floors, std::vector<std::string> packages,
                                 std::string name) {
  const sandbox::Settings& settings = floors.sandboxes().settings();
  sandbox::CreateRequest usual;
  std::string code = code_of(packages);
  const Visit visit = co_await visit_sandbox(floors, std::move(usual), std::move(code),
                                             settings.max_execution_timeout);
  if (signalled()) co_return kStopped;
  if (!visit.sandbox) {
    complain(visit.sandbox.error().message);
    co_return 1;
  }
  const ImageFacts facts = read_image_facts(visit.printed);
  if (facts.whole) co_return print_facts(facts, name, settings.exec_tmp);
  const std::string last =
      facts.packages.empty() ? "" : " after the package " + facts.packages.back().name;
  complain("R in the image did not come to the end of the check" + printable(last, kMostShown) +
           ". " +
           (visit.ended ? printable(visit.printed, kMostShown) : visit.ended.error().message));
  co_return 1;
}

}  // namespace omcp_r::commands
