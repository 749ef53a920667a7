// Images with packages: image build, list and check, and what their recipes are for.

#include <csignal>
#include <fstream>
#include <regex>

#include "support/docker.hpp"
#include "support/postgres.hpp"
#include "support/shell.hpp"

namespace omcp_r::e2e {
namespace {

namespace fs = std::filesystem;

constexpr auto kBuilding = std::chrono::minutes{25};

/// The base that images are built from here: Debian and nothing else.
std::string base_image() {
  const char* base = std::getenv("OMCP_TEST_BASE_IMAGE");
  return base != nullptr ? base : "omcp-r-base:trixie";
}

class Images : public ShellTest {
 protected:
  static std::string name_of(const std::string& what) { return "omcp-r-test-built:" + what; }

  [[nodiscard]] Finished build(const std::string& tag, Argv what) const {
    what.insert(what.begin(), {"image", "build", "--base", base_image(), "--tag", name_of(tag)});
    return type(what, "", kBuilding);
  }
  /// Builds one of the recipes, all packages of which must load.
  void build_recipe(const std::string& recipe) const {
    const Finished built = build(recipe, {"--recipe", recipe});
    ASSERT_EQ(built.ending.code, 0) << built.output;
    EXPECT_TRUE(contains(built.output, "DOCKER_IMAGE=" + name_of(recipe))) << built.output;
    EXPECT_TRUE(contains(built.output, "cairo     yes")) << built.output;
    EXPECT_TRUE(contains(built.output, "Chinese, Japanese, Korean and Indic")) << built.output;
  }
  [[nodiscard]] Finished run_in(const std::string& tag, const std::string& code,
                                Argv more = {}) const {
    more.insert(more.begin(), {"run", "--image", name_of(tag), "-e", code});
    return type(more, "", 300s);
  }
  static void expect_output(const Finished& run, const std::string& part) {
    EXPECT_EQ(run.ending.code, 0) << run.output;
    EXPECT_TRUE(contains(run.output, part)) << run.output;
  }
};

TEST_F(Images, StatsIsForModelsReportsAndFilesOfOtherPrograms) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("stats"));
  expect_output(run_in("stats",
                       "suppressPackageStartupMessages(library(tidyverse));"
                       "mtcars |> group_by(cyl) |> summarise(n = n()) |> pull(n)"),
                "[1] 11  7 14");
  expect_output(run_in("stats",
                       "m <- lme4::lmer(Reaction ~ Days + (1 | Subject), lme4::sleepstudy);"
                       "round(broom::glance(lm(dist ~ speed, cars))$r.squared, 3);"
                       "library(survival); nrow(as.data.frame(summary(coxph(Surv(time, "
                       "status) ~ age, lung))$coefficients))"),
                "[1] 0.651");
  expect_output(run_in("stats",
                       "writeLines(c('# A', '```{r}', '6 * 7', '```'), 'a.Rmd');"
                       "rmarkdown::render('a.Rmd', quiet = TRUE);"
                       "any(grepl('42', readLines('a.html')))"),
                "[1] TRUE");
  // Text of other scripts is drawn, and not boxes: the two differ.
  expect_output(run_in("stats",
                       "draw <- function(text) { ragg::agg_png('x.png', 100, 100);"
                       "par(mar = numeric(4)); plot.new(); text(.5, .5, text, cex = 3); dev.off();"
                       "unname(tools::md5sum('x.png')) };"
                       "length(unique(c(draw('\\u6f22'), draw('\\u5b57'), "
                       "draw('\\u0939'), draw('\\u0ba4'))))"),
                "[1] 4");
  const Finished escaped =
      run_in("stats",
             "length(system('find / -xdev -perm /6000 -type f 2>/dev/null; true', intern = TRUE));"
             "any(nzchar(Sys.which(c('gcc', 'cc', 'g++', 'ld', 'as'))))");
  EXPECT_EQ(escaped.output, "[1] 0\n[1] FALSE\n");
}

// The files are those that the authors of haven and readxl have from SAS, Stata, SPSS and Excel.
TEST_F(Images, StatsReadsWhatLiesInTheDataFolder) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("stats"));
  const fs::path data = folder() / "data";
  const Finished made = run_in(
      "stats",
      "e <- system.file('examples', package = 'haven');"
      "invisible(file.copy(file.path(e, c('iris.sas7bdat', 'iris.dta', 'iris.sav')), '.'));"
      "invisible(file.copy(readxl::readxl_example('datasets.xlsx'), '.'));"
      "write.csv(iris, 'iris.csv', row.names = FALSE);"
      "d <- DBI::dbConnect(RSQLite::SQLite(), 'iris.sqlite'); DBI::dbWriteTable(d, 'iris', iris);"
      "DBI::dbDisconnect(d)",
      {"--out", data.string()});
  ASSERT_EQ(made.ending.code, 0) << made.output;
  for (const std::string reading :
       {"nrow(haven::read_sas('/data/iris.sas7bdat'))", "nrow(haven::read_dta('/data/iris.dta'))",
        "nrow(haven::read_sav('/data/iris.sav'))",
        "nrow(readxl::read_excel('/data/datasets.xlsx'))",
        "nrow(data.table::fread('/data/iris.csv'))",
        "nrow(readr::read_csv('/data/iris.csv', show_col_types = FALSE))",
        "d <- DBI::dbConnect(RSQLite::SQLite(), '/data/iris.sqlite', flags = RSQLite::SQLITE_RO);"
        "nrow(DBI::dbReadTable(d, 'iris'))"}) {
    const Finished read = run_in("stats", reading, {"--data", data.string()});
    EXPECT_EQ(read.output, std::string("[1] ") + (contains(reading, "xlsx") ? "32" : "150") + "\n")
        << reading;
  }
}

TEST_F(Images, StatsTalksToAPostgresqlThroughItsSocket) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("stats"));
  Postgres postgres{folder() / "postgres"};
  const Argv as_reader{"--db-socket", postgres.folder(), "--db-role",
                       "reader",      "--db-name",       "survey"};
  const std::string code =
      "con <- DBI::dbConnect(RPostgreSQL::PostgreSQL());"
      "DBI::dbGetQuery(con, 'SELECT answer FROM answers')$answer";
  expect_output(run_in("stats", code, as_reader), "[1] 42");
  postgres.admin("ALTER ROLE reader PASSWORD 'open sesame'");
  postgres.let_in("local survey reader scram-sha-256");
  Argv with_password = as_reader;
  with_password.insert(with_password.end(), {"--db-password", "open sesame"});
  expect_output(run_in("stats", code, with_password), "[1] 42");
}

TEST_F(Images, OneIsBuiltOnceAtATime) {
  const fs::path folder = this->folder() / "state" / "images" / "omcp-r-test-built%3Atwice";
  fs::create_directories(folder);
  // As another build of it does.
  Child other{{{"flock", folder.string(), "sh", "-c", "echo held; cat"}, {}, "/", {}, {}}};
  ASSERT_TRUE(other.read(20s));
  const Finished refused = build("twice", {"--packages", "praise"});
  EXPECT_EQ(refused.ending.code, 1);
  EXPECT_TRUE(contains(refused.output, "is being built already")) << refused.output;
  EXPECT_FALSE(fs::exists(folder / "Dockerfile"));
}

TEST_F(Images, SpatialIsForMapsAndRasters) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("spatial"));
  expect_output(run_in("spatial",
                       "nc <- sf::st_read(system.file('shape/nc.shp', package = 'sf'), "
                       "quiet = TRUE); nrow(nc); plot(nc['AREA']);"
                       "r <- terra::rast(nrows = 2, ncols = 2, vals = 1:4);"
                       "terra::global(r, 'sum')$sum"),
                "[1] 100\n[1] 10\n");
}

TEST_F(Images, BayesFitsModelsThatWereCompiledBefore) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("bayes"));
  expect_output(run_in("bayes",
                       "suppressPackageStartupMessages(library(rstanarm));"
                       "f <- stan_glm(mpg ~ wt, data = mtcars, refresh = 0, chains = 2, "
                       "iter = 500, seed = 1); round(coef(f)[['wt']])"),
                "[1] -5");
}

TEST_F(Images, CompilersCompileWhereTmpMayBeRunFrom) {
  const Finished built = build("compiler", {"--packages", "Rcpp", "--compiler"});
  ASSERT_EQ(built.ending.code, 0) << built.output;
  const std::string code =
      "Rcpp::sourceCpp(code = '#include <Rcpp.h>\n// [[Rcpp::export]]\nint twice(int x) { return "
      "2 * x; }'); twice(21L)";
  expect_output(run_in("compiler", code, {"--exec-tmp", "1"}), "[1] 42");
  EXPECT_NE(run_in("compiler", code).ending.code, 0);
}

TEST_F(Images, OmopHasACohortToTryAnAnalysisOn) {
  ASSERT_NO_FATAL_FAILURE(build_recipe("omop"));
  std::ifstream file{fs::path(OMCP_DOCS) / "omop-cohort.R"};
  const std::string code{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(code.empty());
  const Finished run = run_in("omop", code, {"--out", (folder() / "out").string()});
  EXPECT_EQ(run.ending.code, 0) << run.output;
  std::smatch count;
  ASSERT_TRUE(std::regex_search(run.output, count, std::regex("(\\d+) people in the cohort")))
      << run.output;
  EXPECT_GT(std::stoi(count[1]), 20) << run.output;
  EXPECT_TRUE(contains(run.output, "coef")) << run.output;
  EXPECT_TRUE(fs::exists(folder() / "out" / "plot-1.png"));
}

/// Runs a script in a folder, which must succeed.
void make(const fs::path& folder, const std::string& script) {
  fs::create_directories(folder);
  const Finished made = e2e::run({{"/bin/sh", "-ec", script}, {}, folder, {}, {}}, "", 300s);
  ASSERT_EQ(made.ending.code, 0) << made.output;
}

/// The source of a package, in the folder tinyone: $v is its version.
constexpr const char* kPackage =
    "mkdir -p tinyone/R\n"
    "printf 'Package: tinyone\\nVersion: %s\\nTitle: T\\nDescription: D.\\nLicense: MIT\\n"
    "Author: A\\nMaintainer: A <a@b.c>\\n' $v >tinyone/DESCRIPTION\n"
    "echo 'export(answer)' >tinyone/NAMESPACE; echo 'answer <- function() 42' >tinyone/R/a.R\n";

/// A program that listens on a port of its own choice, until the end of the test.
class Listener {
 public:
  Listener(const Argv& argv, const fs::path& folder) : child_({argv, {}, folder, {}, {}}) {
    const std::regex said("(port |127\\.0\\.0\\.1:)(\\d+)");
    std::smatch port;
    while (!std::regex_search(child_.received(), port, said) && child_.read(30s)) {
    }
    port_ = port.size() > 2 ? port[2].str() : "";
    EXPECT_NE(port_, "") << child_.received();
  }
  ~Listener() { end(); }
  void end() {
    child_.kill(SIGTERM);
    child_.wait(10s);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + port_; }

 private:
  Child child_;
  std::string port_;
};

/// A repository like CRAN's on this machine, with a package in two versions.
class OwnRepository : public Images {
 protected:
  void SetUp() override {
    Images::SetUp();
    const fs::path cran = folder() / "cran";
    make(cran, std::string("mkdir -p src/contrib/Archive/tinyone; for v in 0.9 1.0; do\n") +
                   kPackage +
                   "R CMD build tinyone\ndone\n"
                   "mv tinyone_0.9.tar.gz src/contrib/Archive/tinyone\n"
                   "mv tinyone_1.0.tar.gz src/contrib\n"
                   "Rscript -e 'tools::write_PACKAGES(\"src/contrib\", type = \"source\")'");
    const Argv server{"/usr/bin/python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"};
    server_ = std::make_unique<Listener>(server, cran);
    url_ = "http://" + server_->address();
  }

  std::string url_;
  std::unique_ptr<Listener> server_;
};

TEST_F(OwnRepository, BringsWhatDebianLacks) {
  const Finished built =
      build("packages", {"--packages", "jsonlite,tinyone,nosuchone", "--cran", url_});
  EXPECT_EQ(built.ending.code, 1) << built.output;  // since one is not to be had
  EXPECT_TRUE(contains(built.output, "2 of 3 load")) << built.output;
  EXPECT_TRUE(contains(built.output, "nosuchone")) << built.output;
  EXPECT_TRUE(contains(built.output, name_of("packages-unchecked"))) << built.output;
  const std::string made = "packages-unchecked";
  expect_output(run_in(made, "tinyone::answer(); jsonlite::toJSON(1)"), "[1] 42\n[1] ");
  expect_output(run_in(made, "as.character(packageVersion('tinyone'))"), "1.0");
  expect_output(run_in(made, "Sys.which('gcc')[[1]] == ''"), "TRUE");
}

TEST_F(OwnRepository, BringsTheVersionsOfALockFile) {
  write_file(folder() / "work" / "renv.lock",
             R"({"R":{"Version":"3.6.0","Repositories":[{"Name":"CRAN","URL":")" + url_ +
                 R"("}]},"Packages":{"tinyone":{"Package":"tinyone","Version":"0.9",)"
                 R"("Source":"Repository","Repository":"CRAN"}}})");
  const Finished built = build("renv", {"--renv", "renv.lock", "--cran", url_});
  EXPECT_EQ(built.ending.code, 0) << built.output;
  EXPECT_TRUE(contains(built.output, "was made with R 3.6.0")) << built.output;
  expect_output(run_in("renv", "as.character(packageVersion('tinyone'))"), "0.9");
}

TEST_F(Images, APersonsLibraryIsLookedIntoFirst) {
  const fs::path library = folder() / "library";
  fs::create_directories(library);
  make(folder() / "source",
       std::string("v=1.0\n") + kPackage + "R CMD INSTALL -l ../library tinyone");
  Server& with = start({{{"R_LIBRARY", library.string()}}, {}, true, {}});
  const Sandbox box = create(with);
  EXPECT_EQ(box.output("tinyone::answer(); .libPaths()[1]"), "[1] 42\n[1] \"/library\"\n");
  EXPECT_EQ(box.output("suppressWarnings(file.create('/library/x'))"), "[1] FALSE\n");
  Server& other = start(
      {{{"R_LIBRARY", library.string()}, {"DOCKER_IMAGE", test_image_between()}}, {}, true, {}});
  const ToolResult refused = other.call("create_sandbox");
  EXPECT_EQ(refused.error_code(), "configuration_invalid") << refused.shown();
  EXPECT_TRUE(contains(refused.shown(), "the package tinyone there was built for R "))
      << refused.shown();
  EXPECT_EQ(containers().size(), 1U);
}

// A registry of the real kind, on this machine. Its image has no R, which keeps it small: that this
// is found out shows that it came.
TEST_F(Images, AreGotWhereThatIsWanted) {
  const fs::path place = folder() / "registry";
  fs::create_directories(place);
  write_file(place / "config.yml", "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: " +
                                       place.string() + "\nhttp:\n  addr: 127.0.0.1:0\n");
  Listener registry{{"/usr/bin/docker-registry", "serve", (place / "config.yml").string()}, place};
  const std::string name = registry.address() + "/r:1";
  docker({"tag", base_image(), name});
  docker({"push", name});
  docker({"rmi", name});
  const auto is_there = [&name] { return try_docker({"image", "inspect", name}).ending.code == 0; };

  Server& never = start({{{"DOCKER_IMAGE", name}}, {}, true, {}});
  EXPECT_EQ(never.call("create_sandbox").error_code(), "image_not_found");
  EXPECT_FALSE(is_there());
  Server& missing = start({{{"DOCKER_IMAGE", name}, {"PULL", "missing"}}, {}, true, {}});
  const int creating =
      missing.send_call("create_sandbox", Json::object(), Json{{"progressToken", "p"}});
  const ToolResult created = missing.finish_call(creating);
  EXPECT_NE(created.error_code(), "image_not_found") << created.shown();
  EXPECT_TRUE(is_there());
  const auto told = missing.notifications("notifications/progress");
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(contains(told.front().value("message", ""), "getting the image: ")) << told.front();

  docker({"rmi", name});
  const Argv words{"run", "--image", name, "--pull", "missing", "-e", "6 * 7"};
  EXPECT_FALSE(contains(type(words).output, "docker pull"));
  EXPECT_TRUE(is_there());
  docker({"rmi", name});
  EXPECT_TRUE(contains(type({"doctor", "--docker-image", name}).output, "PULL=missing gets it"));
  EXPECT_FALSE(is_there());
  const Finished looked = e2e::run(on_terminal("doctor --docker-image " + name), {}, 120s);
  EXPECT_TRUE(contains(looked.output, "there, of DOCKER_IMAGE")) << looked.output;
  EXPECT_FALSE(contains(looked.output, "PULL=missing gets it")) << looked.output;
  EXPECT_TRUE(is_there());
  docker({"rmi", name});
  registry.end();
  const ToolResult lost = missing.call("create_sandbox");
  EXPECT_TRUE(lost.is_error()) << lost.shown();
  EXPECT_TRUE(contains(lost.shown(), "docker pull")) << lost.shown();
}

TEST_F(Images, AreListedAndChecked) {
  const Finished listed = type({"image", "list"});
  EXPECT_EQ(listed.ending.code, 0) << listed.output;
  EXPECT_TRUE(contains(listed.output, test_image())) << listed.output;
  EXPECT_TRUE(contains(listed.output, "DOCKER_IMAGE")) << listed.output;
  const Finished checked = type({"image", "check", test_image()});
  EXPECT_EQ(checked.ending.code, 0) << checked.output;
  EXPECT_TRUE(std::regex_search(checked.output, std::regex("R +[4-9]\\.[0-9]"))) << checked.output;
  EXPECT_TRUE(contains(checked.output, "no compiler")) << checked.output;
  EXPECT_TRUE(containers().empty());
}

TEST_F(Images, CheckNamesWhatDoesNotLoad) {
  const std::string name = name_of("broken");
  const fs::path context = folder() / "broken";
  fs::create_directories(context);
  write_file(context / "Dockerfile",
             "FROM " + test_image() + "\nRUN rm /usr/lib/R/site-library/jsonlite/libs/*.so\n");
  docker({"build", "-q", "-t", name, context.string()});
  const Finished checked = type({"image", "check", name});
  EXPECT_EQ(checked.ending.code, 1) << checked.output;
  EXPECT_TRUE(std::regex_search(checked.output, std::regex("  jsonlite [^\n]*jsonlite\\.so")))
      << checked.output;
  docker({"rmi", name});
  EXPECT_TRUE(containers().empty());
}

TEST_F(Images, BuildPrintsAndTellsWhatItCannotDo) {
  const Finished printed =
      type({"image", "build", "--packages", "dplyr", "--base", base_image(), "--print"}, "", 300s);
  EXPECT_EQ(printed.ending.code, 0) << printed.output;
  EXPECT_TRUE(contains(printed.output, " r-cran-dplyr")) << printed.output;
  const Finished unknown =
      type({"image", "build", "--packages", "dplyr", "--base", "127.0.0.1:9/no-such:1"}, "", 300s);
  EXPECT_EQ(unknown.ending.code, 1) << unknown.output;
  EXPECT_TRUE(contains(unknown.output, "--base names another")) << unknown.output;
  for (const Argv& wrong :
       {Argv{"image"}, Argv{"image", "bild"}, Argv{"image", "build"},
        Argv{"image", "build", "--recipe", "no"}, Argv{"image", "list", "--packages", "a"},
        Argv{"image", "check", "a", "b"}, Argv{"image", "build", "x", "--recipe", "stats"}}) {
    EXPECT_EQ(type(wrong).ending.code, 2) << wrong.back();
  }
}

}  // namespace
}  // namespace omcp_r::e2e
