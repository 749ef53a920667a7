#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "commands/image.hpp"
#include "commands/image_check.hpp"
#include "commands/image_order.hpp"
#include "commands/progress.hpp"

namespace omcp_r::commands {
namespace {

Result<ImageOrder> order_of(std::vector<std::string> arguments) {
  const auto words = read_words(image_usage(), arguments);
  if (!words) return words.error();
  return read_order(*words);
}

std::string complaint(std::vector<std::string> arguments) {
  const auto order = order_of(std::move(arguments));
  return order ? "" : order.error().message;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ImageOrders : public testing::Test {
 protected:
  ImageOrders() { std::filesystem::create_directories(folder_); }
  ~ImageOrders() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& text) const {
    const std::filesystem::path path = folder_ / "renv.lock";
    std::ofstream{path} << text;
    return path.string();
  }
  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("image." + std::to_string(::getpid()));
};

TEST_F(ImageOrders, AreReadFromWords) {
  const auto order = order_of({"--recipe", "spatial", "--packages", "gtsummary, DT", "--system",
                               "libgeos-dev", "--base", "b:1", "--network", "default"});
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->name, "omcp-r/spatial-packages:latest");
  EXPECT_EQ(order->network, "default");
  EXPECT_EQ(order->wanted.base, "b:1");
  ASSERT_EQ(order->wanted.groups.size(), 3U);
  EXPECT_EQ(order->wanted.groups[2].packages, (std::vector<std::string>{"gtsummary", "DT"}));
  EXPECT_EQ(order->wanted.groups[2].system, std::vector<std::string>{"libgeos-dev"});
  for (const char* name : {"tidyverse", "sf", "gtsummary"}) {
    EXPECT_NE(std::find(order->to_load.begin(), order->to_load.end(), name), order->to_load.end())
        << name;
  }
}

TEST_F(ImageOrders, ThatAreWrongAreNamed) {
  EXPECT_TRUE(holds(complaint({}), "--recipe with one of stats, spatial"));
  EXPECT_TRUE(holds(complaint({"--recipe", "stat"}), "there is no recipe \"stat\""));
  EXPECT_TRUE(holds(complaint({"--packages", "a\"b"}), "no name of an R package"));
  EXPECT_TRUE(holds(complaint({"--packages", "dplyr", "--system", "-x"}), "\"-x\""));
  EXPECT_TRUE(holds(complaint({"--packages", "dplyr", "--base", "--x"}), "--base"));
  for (const char* tag : {"a b", "Foo", "a@b", "a:b:c", "a:"}) {
    EXPECT_TRUE(holds(complaint({"--packages", "dplyr", "--tag", tag}), "--tag")) << tag;
  }
  EXPECT_TRUE(order_of({"--packages", "dplyr", "--tag", "host:5000/a/b:V1"}));
  EXPECT_TRUE(holds(complaint({"--packages", "dplyr", "--cran", "http://x'; rm"}), "--cran"));
  EXPECT_TRUE(holds(complaint({"--renv", "/nothing/there"}), "there is no file"));
}

TEST_F(ImageOrders, ReadALockFile) {
  const auto order = order_of(
      {"--renv", write(R"({"R":{"Version":"4.3.1"},"Packages":{"dplyr":{"Version":"1.1.4"}}})")});
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->r_of_lock, "4.3.1");
  EXPECT_EQ(order->to_load, std::vector<std::string>{"dplyr"});
  EXPECT_TRUE(order->wanted.renv);
  EXPECT_TRUE(holds(complaint({"--renv", write("{}")}), "no renv.lock"));
  EXPECT_TRUE(holds(complaint({"--renv", write("[1")}), "no renv.lock"));
  EXPECT_TRUE(holds(complaint({"--renv", write(R"({"Packages":{"a'b":{}}})")}), "no name of"));
  const auto odd = order_of({"--renv", write(R"({"R":{"Version":4},"Packages":{"dplyr":{}}})")});
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->r_of_lock, "");
  EXPECT_TRUE(order_of({"--renv", write(R"({"R":[1],"Packages":{"dplyr":{}}})")}));
}

// What is written into a comment must not begin a line of its own.
TEST_F(ImageOrders, KeepTheCommandInOneLine) {
  const auto order = order_of({"--packages", "dplyr", "--network", "x\nRUN evil"});
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_FALSE(holds(order->wanted.command, "\n")) << order->wanted.command;
}

TEST(ImageFacts, AreReadBetweenWhatElseIsPrinted) {
  const ImageFacts facts = read_image_facts(
      "junk\nomcp-check\tr\t4.2.2\tx86_64\t\nomcp-check\tutf8\tTRUE\t\nomcp-check\tcairo\tFALSE\n"
      "omcp-check\tcompiler\tTRUE\nomcp-check\tfonts\tTamil\t\nomcp-check\tpackage\tdplyr\t1."
      "0\t\t\n"
      "omcp-check\tpackage\tsf\t1.1\tno GDAL\t\nomcp-check\nomcp-check\tend\t");
  EXPECT_EQ(facts.r_version, "4.2.2");
  EXPECT_TRUE(facts.utf8);
  EXPECT_FALSE(facts.cairo);
  EXPECT_TRUE(facts.compiler);
  EXPECT_EQ(facts.scripts_without_font, "Tamil");
  ASSERT_EQ(facts.packages.size(), 2U);
  EXPECT_EQ(facts.packages[0].problem, "");
  EXPECT_EQ(facts.packages[1].problem, "no GDAL");
  EXPECT_TRUE(facts.whole);
  EXPECT_FALSE(read_image_facts("omcp-check\tr\t4").whole);
}

TEST(Progress, KnowsStepsAndKeepsTheLastLines) {
  EXPECT_TRUE(is_step("Step 3/9 : RUN x"));
  EXPECT_TRUE(is_step("#7 [r 3/5] RUN x"));
  EXPECT_FALSE(is_step("#7 12.3 Get:1 http"));
  EXPECT_FALSE(is_step("Stepping"));
  Progress progress;
  for (int i = 1; i <= 5000; ++i) progress.take("line " + std::to_string(i) + "\r\n");
  progress.take("\x1b[2Jend\n");
  const std::string lines = progress.last_lines();
  EXPECT_TRUE(holds(lines, "line 5000\n")) << lines;
  EXPECT_FALSE(holds(lines, "line 4970\n")) << lines;
  EXPECT_TRUE(holds(lines, "    end\n")) << lines;
  EXPECT_EQ(Progress{}.last_lines(), "");
}

}  // namespace
}  // namespace omcp_r::commands
