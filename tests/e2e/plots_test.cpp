// Every page drawn comes back as a PNG, in order; nothing for code that draws nothing.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

using Size = std::pair<int, int>;

class Plots : public SandboxTest {
 public:
  static std::vector<std::string> drawn(const Sandbox& box, const std::string& code,
                                        Json more = Json::object()) {
    const ToolResult result = box.run(code, std::move(more));
    EXPECT_TRUE(result.success()) << result;
    std::vector<std::string> images = result.images();
    EXPECT_EQ(result.data().value("plots", Json(0)), images.size());
    for (const Json& block : result.result.at("content")) {
      if (block.at("type") == "image") {
        EXPECT_EQ(block.at("mimeType"), "image/png");
      }
    }
    for (const std::string& image : images) EXPECT_NE(png_size(image), Size(0, 0)) << "no PNG";
    return images;
  }
};

TEST_F(Plots, AnImageOfTheDefaultSizeComesBack) {
  const auto images = drawn(sandbox(), "plot(1:10)");
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(png_size(images.at(0)), Size(768, 512));
}

TEST_F(Plots, CodeThatDrawsNothingHasNone) {
  const Sandbox box = sandbox();
  EXPECT_TRUE(drawn(box, "x <- rnorm(10); mean(x) > 9").empty());
  EXPECT_EQ(box.output("list.files('/sandbox', all.files = TRUE, no.. = TRUE); dev.list()"),
            "character(0)\nNULL\n");
}

TEST_F(Plots, EveryPageOfALoopComesBackInOrder) {
  const auto images = drawn(sandbox(), "for (i in 1:3) plot(i, main = i)\nhist(c(1, 2, 2, 3))");
  ASSERT_EQ(images.size(), 4U);
  EXPECT_NE(images.at(0), images.at(1));
  EXPECT_NE(images.at(2), images.at(3));
}

TEST_F(Plots, PanelsOfOnePageAreOneImage) {
  EXPECT_EQ(drawn(sandbox(), "par(mfrow = c(2, 2)); for (i in 1:4) plot(i)").size(), 1U);
}

TEST_F(Plots, LinesAddedInALaterCallComeBackWithTheWholePlot) {
  const Sandbox box = sandbox();
  const auto first = drawn(box, "plot(1:10)");
  EXPECT_TRUE(drawn(box, "x <- 1").empty()) << "nothing new was drawn";
  const auto second = drawn(box, "lines(10:1, col = 'red')");
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(first, second);
  EXPECT_TRUE(drawn(box, "y <- 2").empty());
  EXPECT_EQ(drawn(box, "plot(10:1)").size(), 1U) << "the old page again";
}

TEST_F(Plots, AFailureAfterTheDrawingKeepsThePlot) {
  const ToolResult result = sandbox().run("plot(1:3); stop('after')");
  EXPECT_FALSE(result.success());
  EXPECT_EQ(result.images().size(), 1U) << result;
}

TEST_F(Plots, GridLatticeAndGgplotAreDrawnByAutoprint) {
  const Sandbox box = sandbox();
  EXPECT_EQ(drawn(box, "library(ggplot2); ggplot(mtcars, aes(wt, mpg)) + geom_point()").size(), 1U);
  EXPECT_EQ(drawn(box, "lattice::xyplot(mpg ~ wt, mtcars)").size(), 1U);
  EXPECT_EQ(drawn(box, "grid::grid.newpage(); grid::grid.circle()").size(), 1U);
  EXPECT_TRUE(drawn(box, "p <- ggplot(mtcars, aes(wt, mpg)) + geom_point()").empty());
  EXPECT_EQ(drawn(box, "for (i in 1:2) print(p)").size(), 2U);
}

TEST_F(Plots, ASavedJpegIsShownAsWhatItIs) {
  const Sandbox box = sandbox();
  const ToolResult photo = box.run("jpeg('photo.jpg'); plot(1); invisible(dev.off())");
  const auto bytes = photo.images();
  ASSERT_EQ(bytes.size(), 1U) << photo;
  EXPECT_TRUE(bytes[0].starts_with("\xFF\xD8"));
  const Json& content = photo.result.at("content");
  EXPECT_TRUE(std::any_of(content.begin(), content.end(), [](const Json& block) {
    return block.value("mimeType", "") == "image/jpeg" && block.at("type") == "image";
  })) << photo;
}

TEST_F(Plots, AUsersOwnDevicesAreTheirsAlone) {
  const Sandbox box = sandbox();
  // The picture that was saved, and no page beside it.
  EXPECT_EQ(drawn(box, "png('mine.png', width = 300, height = 200); plot(1); invisible(dev.off())")
                .size(),
            1U);
  EXPECT_TRUE(drawn(box, "pdf('mine.pdf'); plot(1); plot(2); invisible(dev.off())").empty());
  EXPECT_EQ(box.output("file.exists('mine.png', 'mine.pdf', 'Rplots.pdf')"),
            "[1]  TRUE  TRUE FALSE\n");
  const ToolResult both =
      box.run("plot(1); png('other.png'); plot(2); invisible(dev.off()); plot(3)");
  EXPECT_EQ(both.images().size(), 2U) << both;
}

TEST_F(Plots, WidthHeightAndResolutionAreArguments) {
  const Sandbox box = sandbox();
  const auto images =
      drawn(box, "plot(1:10)", Json{{"width", 400}, {"height", "300"}, {"resolution", 72}});
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(png_size(images.at(0)), Size(400, 300));
  const auto others = drawn(box, "plot(1:10)", Json{{"width", 1000}, {"height", 200}});
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(png_size(others.at(0)), Size(1000, 200));
}

TEST_F(Plots, TheLongSideIsBounded) {
  const ToolResult result = sandbox().run("plot(1)", Json{{"width", 9000}, {"height", 9000}});
  if (result.success()) {
    ASSERT_EQ(result.images().size(), 1U);
    const Size size = png_size(result.images().at(0));
    EXPECT_LE(std::max(size.first, size.second), 2000);
  } else {
    EXPECT_EQ(result.error_code(), "invalid_argument") << result;
    EXPECT_TRUE(contains(result.error_message(), "2000")) << result;
  }
}

TEST_F(Plots, ImagesTooBigForALineAreNotLost) {
  // Noise does not compress: the pages together exceed what one line may hold.
  const ToolResult result = sandbox().run(
      "for (i in 1:6) { par(mar = rep(0, 4)); plot.new(); plot.window(0:1, 0:1);"
      "rasterImage(as.raster(matrix(runif(600 * 400), 600)), 0, 0, 1, 1, interpolate = FALSE) }",
      Json{{"width", 1600}, {"height", 1200}, {"timeout", 60}});
  EXPECT_TRUE(result.success()) << result;
  EXPECT_EQ(result.data().at("plots"), 6) << result;
  EXPECT_TRUE(result.images().size() == 6 || contains(result.text(), ".png"))
      << "pages were dropped: " << result.text();
}

TEST_F(Plots, ManyPagesAreBoundedAndSaidSo) {
  const ToolResult result = sandbox().run("for (i in 1:60) plot(i)", Json{{"timeout", 60}});
  EXPECT_TRUE(result.success()) << result;
  EXPECT_LE(result.images().size(), 60U);
  if (result.images().size() < 60U) {
    EXPECT_TRUE(contains(result.text(), "60")) << result.text();
  }
}

TEST_F(Plots, DrawnInAChildOrAClosedDeviceBreaksNothing) {
  const Sandbox box = sandbox();
  EXPECT_TRUE(box.run("plot(1); graphics.off()").success());
  EXPECT_TRUE(box.run("dev.new(); dev.off()").success());
  EXPECT_EQ(drawn(box, "plot(1:3)").size(), 1U);
  EXPECT_TRUE(box.run("unlink(list.files('/tmp', full.names = TRUE), recursive = TRUE)").success());
  box.run("plot(2)");
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

/// The blocks of a result: text as it is, "[image]" for an image.
std::string order_of(const ToolResult& result) {
  std::string order;
  for (const Json& block : result.result.at("content")) {
    order += block.at("type") == "image" ? "[image]" : block.value("text", "");
  }
  return order;
}

TEST_F(Plots, TextAndImagesStandAsTheyHappened) {
  const Sandbox box = sandbox();
  const ToolResult result = box.run(
      "cat('a\n'); plot(1); cat('b\n')\nlines(1:3, 3:1)\ncat('c\n')\nplot(2)\n"
      "cat('d\n')\nfor (i in 3:4) plot(i)\ncat('e\n')");
  EXPECT_EQ(order_of(result), "a\nb\n[image]c\n[image]d\n[image][image]e\n") << result;
  EXPECT_EQ(result.output(), "a\nb\nc\nd\ne\n");
  const ToolResult more = box.run("cat('f\n'); points(1, 4.5)\ncat('g\n')");
  EXPECT_EQ(order_of(more),
            "f\n[image]g\n[Plot 1 is the last page of an earlier call, drawn on.]\n");
}

TEST_F(Plots, AfterAPageTooLargeForAnAnswerTheNextOnesAreShown) {
  const Sandbox box = sandbox();
  const std::string noise =
      "par(mar = rep(0, 4)); plot.new(); rasterImage(as.raster(matrix(rgb(runif(4e5), runif(4e5), "
      "runif(4e5)), 800)), 0, 0, 1, 1, interpolate = FALSE)\n";
  const ToolResult result = box.run(noise + "plot(1:3)");
  EXPECT_EQ(result.images().size(), 2U) << result;
  EXPECT_TRUE(contains(result.text(), "Made smaller to fit in one answer: plot 1 ("))
      << result.text();
  EXPECT_EQ(drawn(box, "plot(3:1)").size(), 1U);
  const ToolResult demo = box.run("demo('colors', ask = FALSE, echo = FALSE)",
                                  Json{{"width", 1600}, {"height", 1200}, {"timeout", 120}});
  EXPECT_EQ(demo.images().size(), 10U) << demo.text();
}

ToolResult collect(const Sandbox& box, const std::string& execution_id,
                   Json more = Json::object()) {
  more["sandbox_id"] = box.id();
  more["execution_id"] = execution_id;
  return box.server().call("execute_r_code", more);
}

TEST_F(Plots, PagesComeWhileTheCodeGoesOnAndOnce) {
  const Sandbox box = sandbox();
  const ToolResult first = box.run(
      "for (i in 1:2) plot(i)\ncat('there', file = 'there')\nwhile (!file.exists('go')) "
      "Sys.sleep(0.05)\nlines(1:3, 3:1)",
      Json{{"wait", 0}});
  const std::string id = first.data().at("execution_id");
  wait_for_file(box, "/sandbox/there");
  const ToolResult poll = collect(box, id, Json{{"wait", 1}});
  EXPECT_EQ(poll.data().at("status"), "running") << poll;
  EXPECT_EQ(poll.images().size(), 1U) << "the page that has ended: " << poll;
  look(box, "touch /sandbox/go");
  const ToolResult last = collect(box, id);
  EXPECT_EQ(last.data().at("status"), "done") << last;
  ASSERT_EQ(last.images().size(), 1U) << last;
  EXPECT_NE(last.images().at(0), poll.images().at(0));
  EXPECT_TRUE(contains(last.text(), "1 came with earlier answers")) << last.text();
}

TEST_F(Plots, APageStillDrawnOnIsShownAsItIsAndReplaced) {
  const Sandbox box = sandbox();
  const ToolResult first = box.run(
      "plot(1)\nSys.sleep(2.5)\npoints(1, 1.2)\ncat('there', file = 'there')\n"
      "while (!file.exists('go')) Sys.sleep(0.05)\nlines(c(0.8, 1.2), c(0.8, 1.2))",
      Json{{"wait", 0}});
  const std::string id = first.data().at("execution_id");
  wait_for_file(box, "/sandbox/there");
  const ToolResult poll = collect(box, id, Json{{"wait", 1}});
  ASSERT_EQ(poll.images().size(), 1U) << poll;
  EXPECT_TRUE(contains(poll.text(), "A page is shown as it is so far")) << poll.text();
  look(box, "touch /sandbox/go");
  const ToolResult last = collect(box, id);
  ASSERT_EQ(last.images().size(), 1U) << last;
  EXPECT_NE(last.images().at(0), poll.images().at(0));
}

TEST_F(Plots, APageThatHasEndedSurvivesTheDeathOfR) {
  const ToolResult result =
      sandbox().run("{ plot(1); plot(2); tools::pskill(Sys.getpid(), 9L); Sys.sleep(60) }");
  EXPECT_EQ(result.images().size(), 1U) << result;
}

TEST_F(Plots, AFullDiskIsSaidAndAPlotThatGgplotFailsAtIsNotShown) {
  const Sandbox box = sandbox(Json{{"memory_mb", 256}});
  EXPECT_TRUE(drawn(box, "plot(1)").size() == 1);
  const ToolResult full = box.run(
      "con <- file('/tmp/fill', 'wb'); try(for (i in 1:64) writeBin(raw(2^20), con), silent = "
      "TRUE); try(close(con), silent = TRUE); plot(2); plot(3)");
  EXPECT_TRUE(contains(full.text(), "/tmp") && contains(full.text(), "full")) << full.text();
  EXPECT_EQ(drawn(box, "unlink('/tmp/fill'); graphics.off(); plot(4)").size(), 1U);
  const ToolResult failed =
      box.run("library(ggplot2); ggplot(mtcars, aes(no_such, mpg)) + geom_point()");
  EXPECT_FALSE(failed.success());
  EXPECT_TRUE(failed.images().empty()) << failed;
}

/// The images of a result, in base64, each behind a newline.
std::string encoded_images(const ToolResult& result) {
  std::string images;
  for (const Json& block : result.result.at("content")) {
    if (block.at("type") == "image") images += block.at("data").get<std::string>() + "\n";
  }
  return images;
}

// The pages of R's own examples are what Rscript draws to a PNG device of the same size, to the
// byte.
TEST_F(Plots, OfExamplesAreWhatRscriptDraws) {
  const Sandbox box = sandbox();
  const Sandbox other = sandbox();
  int pages = 0;
  for (const std::string topic :
       {"graphics, hist", "graphics, boxplot", "graphics, barplot", "graphics, persp",
        "graphics, contour", "graphics, image", "graphics, pie", "graphics, matplot",
        "graphics, coplot", "graphics, layout", "graphics, legend", "stats, biplot.princomp",
        "stats, heatmap", "grid, grid.layout", "survival, plot.survfit"}) {
    SCOPED_TRACE(topic);
    const std::string package = topic.substr(0, topic.find(','));
    const std::string code = "set.seed(1)\nexample('" + topic.substr(topic.find(' ') + 1) +
                             "', package = '" + package + "', ask = FALSE, echo = FALSE)\n";
    const std::string script =
        "png('/tmp/p/%05d.png', width = 768, height = 512, res = 96, type = 'cairo')\n" + code;
    const std::string drawn_by_rscript =
        look(other, "rm -rf /tmp/p; mkdir /tmp/p; echo " + base64_encode(script) +
                        " | base64 -d >/tmp/s.R; Rscript /tmp/s.R >/dev/null 2>&1; for f in "
                        "/tmp/p/*; do base64 -w 0 $f; echo; done");
    const ToolResult ours = box.run("graphics.off()\n" + code);
    EXPECT_TRUE(encoded_images(ours) == drawn_by_rscript) << ours.images().size() << " pages";
    pages += static_cast<int>(ours.images().size());
  }
  EXPECT_GT(pages, 40);
}

TEST_F(Plots, TextIsDrawnWithFonts) {
  const Sandbox box = sandbox();
  const std::string out = box.output("plot(1, main = 'Größe: µ ≤ 世'); text(1, 1, 'label')");
  EXPECT_FALSE(contains(out, "font")) << out;
}

TEST_F(Plots, BoxplotsPrintNothingAndHistogramsReturnInvisibly) {
  EXPECT_EQ(
      sandbox().output("boxplot(mpg ~ cyl, mtcars); hist(mtcars$mpg); barplot(1:3); pie(1:3)"), "");
}

}  // namespace
}  // namespace omcp_r::e2e
