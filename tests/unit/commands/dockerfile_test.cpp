#include "commands/dockerfile.hpp"

#include <gtest/gtest.h>

#include "commands/recipes.hpp"

namespace omcp_r::commands {
namespace {

constexpr const char* kDebian =
    "codename bookworm\napt yes\nr 4.2.2-1\nhas r-cran-dplyr\nhas r-cran-data.table\n"
    "has r-bioc-limma\nhas r-cran-bad;name\nsomething else\n";

Base base_of(std::string_view answers) {
  const auto base = read_base(answers);
  EXPECT_TRUE(base);
  return base ? *base : Base{};
}

Wanted wanted_of(std::vector<std::string> packages) {
  Wanted wanted;
  wanted.title = "packages";
  wanted.base = "debian:bookworm";
  wanted.groups.push_back({std::move(packages), {}});
  return wanted;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Dockerfile, TakesWhatTheDistributionHasAndTheRestFromCran) {
  const Base base = base_of(kDebian);
  EXPECT_EQ(base.available,
            (std::set<std::string>{"r-cran-dplyr", "r-cran-data.table", "r-bioc-limma"}));
  const Sources sources =
      sources_of({{"dplyr", "data.table", "limma", "gtsummary", "stats"}, {"pandoc"}}, base);
  EXPECT_EQ(sources.apt, (std::vector<std::string>{"pandoc", "r-cran-dplyr", "r-cran-data.table",
                                                   "r-bioc-limma"}));
  EXPECT_EQ(sources.cran, std::vector<std::string>{"gtsummary"});  // and stats is R's own
}

TEST(Dockerfile, CompilesInAStageOfItsOwnAndLeavesNoCompiler) {
  const Base base = base_of(kDebian);
  const std::string plain = dockerfile(wanted_of({"dplyr"}), base);
  EXPECT_TRUE(has(plain, "\nFROM debian:bookworm AS r\n")) << plain;
  EXPECT_FALSE(has(plain, "AS cran")) << plain;
  EXPECT_FALSE(has(plain, "r-base-dev")) << plain;
  const std::string more = dockerfile(wanted_of({"dplyr", "gtsummary"}), base);
  const std::size_t stage = more.find("FROM r AS cran");
  ASSERT_NE(stage, std::string::npos) << more;
  EXPECT_GT(more.find("r-base-dev"), stage);
  EXPECT_TRUE(has(more, "install.packages(c(\"gtsummary\"), lib")) << more;
  EXPECT_TRUE(has(more, "/cran/__linux__/bookworm/latest")) << more;
  EXPECT_GT(more.find("\nFROM r\nCOPY --from=cran"), stage);
  EXPECT_TRUE(has(more, "-perm /6000 -type f -exec chmod a-s")) << more;
  EXPECT_TRUE(has(more, "RUN rm -rf /usr/lib/gcc")) << more;
  Wanted with_compiler = wanted_of({"dplyr"});
  with_compiler.compiler = true;
  EXPECT_FALSE(has(dockerfile(with_compiler, base), "rm -rf /usr/lib/gcc"));
  EXPECT_TRUE(has(dockerfile(with_compiler, base), "r-base-dev"));
}

TEST(Dockerfile, LeavesTheRThatIsThereAlone) {
  const Base base = base_of("codename noble\napt yes\nr 4.4.1\nown yes\nhas r-cran-dplyr\n");
  const std::string text = dockerfile(wanted_of({"dplyr"}), base);
  EXPECT_FALSE(has(text, "r-base")) << text;
  EXPECT_FALSE(has(text, "r-cran-")) << text;
  EXPECT_TRUE(has(text, "c(getOption(\"repos\"),")) << text;
}

TEST(Dockerfile, TakesARepositoryAndALockFile) {
  Wanted wanted = wanted_of({});
  wanted.renv = true;
  wanted.cran = "http://127.0.0.1:8000";
  const std::string text = dockerfile(wanted, base_of(kDebian));
  EXPECT_TRUE(has(text, "COPY renv.lock")) << text;
  EXPECT_TRUE(has(text, "renv::restore(")) << text;
  EXPECT_TRUE(has(text, "repos = c(CRAN = \"http://127.0.0.1:8000\")")) << text;
  EXPECT_FALSE(has(text, "posit.co")) << text;
}

// Docker finds the layers of the first image again for the second.
TEST(Dockerfile, BeginsTheSameForRecipesOfWhichOneHasMore) {
  const Base base = base_of(kDebian);
  Wanted less;
  less.base = "b:1";
  less.groups = {{recipes()[0].packages, recipes()[0].system}};
  Wanted more = less;
  more.groups.push_back({recipes()[1].packages, recipes()[1].system});
  const std::string a = dockerfile(less, base);
  const std::string b = dockerfile(more, base);
  const std::size_t end = a.find("\nFROM r AS cran");
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(b.substr(0, end), a.substr(0, end));
}

TEST(Dockerfile, IsNotWrittenForABaseThatNothingCanBeInstalledIn) {
  const auto alpine = read_base("codename none\n");
  ASSERT_FALSE(alpine);
  EXPECT_TRUE(has(alpine.error().message, "apt")) << alpine.error().message;
  for (const char* version : {"(none)", "4.5\x1b]0;x", ""}) {
    EXPECT_FALSE(read_base(std::string("codename x\napt yes\nr ") + version + "\n")) << version;
  }
  EXPECT_FALSE(read_base(""));
  EXPECT_EQ(base_of("codename a/../b\napt yes\nr 4\n").codename, "none");
}

TEST(Recipes, HaveNamesThatAreWellFormed) {
  for (const Recipe& recipe : recipes()) {
    EXPECT_EQ(find_recipe(recipe.name), &recipe);
    for (const std::string& name : recipe.system) EXPECT_TRUE(is_system_package_name(name));
  }
  EXPECT_EQ(find_recipe("none"), nullptr);
}

}  // namespace
}  // namespace omcp_r::commands
