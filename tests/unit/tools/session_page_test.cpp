#include "tools/session_page.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "omcp_r/base/text.hpp"

namespace omcp_r::tools {
namespace {

namespace fs = std::filesystem;

std::size_t place(const std::string& page, const std::string& what) {
  const auto at = page.find(what);
  EXPECT_NE(at, std::string::npos) << what << " is not in " << page;
  return at;
}

TEST(SessionPage, NamesOfOursAreKnown) {
  EXPECT_EQ(plot_name(7), "plot-007.png");
  EXPECT_EQ(plot_number(plot_name(7)), 7U);
  EXPECT_EQ(plot_number(plot_name(1234)), 1234U);
  for (const char* other :
       {"plot-7.png", "plot-000.png", "plot-.png", "plot-0007.png", "plot--01.png",
        "d/plot-007.png", "plot-007.pngx", "plot-99999999999999.png", ""}) {
    EXPECT_EQ(plot_number(other), 0U) << other;
    EXPECT_FALSE(is_name_of_ours(other)) << other;
  }
  for (const char* ours : {"index.html", "Index.HTML", "session.R", "session.r", "plot-001.png",
                           "index.html/x.txt", "Session.R/d/e"}) {
    EXPECT_TRUE(is_name_of_ours(ours)) << ours;
  }
}

TEST(SessionPage, ShowsPlotsByNumberAndFilesAsTheyCame) {
  const std::string page = session_page("s1", {{"a.csv", 3, 20},
                                               {"plot-010.png", 9, 10},
                                               {"session.R", 5, 90},
                                               {"index.html", 5, 95},
                                               {"d/z.csv", 4, 10},
                                               {"plot-002.png", 9, 30}});
  EXPECT_TRUE(page.starts_with(kPageMark));
  EXPECT_LT(place(page, "<a href=\"session.R\">"), place(page, "<img src=\"plot-002.png\""));
  EXPECT_LT(place(page, "<img src=\"plot-002.png\""), place(page, "<img src=\"plot-010.png\""));
  EXPECT_LT(place(page, "<img src=\"plot-010.png\""),
            place(page, "<a href=\"d/z.csv\">d/z.csv</a>"));
  EXPECT_LT(place(page, "d/z.csv"), place(page, "a.csv</a> (3 bytes)"));
  EXPECT_EQ(page.find("index.html"), std::string::npos);
  EXPECT_LT(place(page, "Content-Security-Policy"), place(page, "<title>"));
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(SessionPage, ShowsPicturesAmongTheFiles) {
  const std::string page = session_page("s1", {{"d/a.jpg", 3, 20}, {"b.png.txt", 3, 30}});
  EXPECT_NE(page.find("<a href=\"d/a.jpg\"><img src=\"d/a.jpg\""), std::string::npos) << page;
  EXPECT_EQ(page.find("<img src=\"b.png.txt\""), std::string::npos);
}

TEST(SessionPage, NoNameIsMarkupOrAnAddressElsewhere) {
  const std::string page = session_page(
      "<b>",
      {{"<script>alert(1)</script>", 1, 1}, {"javascript:x", 1, 2}, {"a\"b'&#?%\xFF", 1, 3}});
  for (const char* bad : {"<script", "<b>", "javascript:x\"", "\xFF"}) {
    EXPECT_EQ(page.find(bad), std::string::npos) << bad << page;
  }
  EXPECT_NE(page.find("href=\"javascript%3Ax\""), std::string::npos) << page;
  EXPECT_NE(page.find("href=\"a%22b%27%26%23%3F%25%FF\""), std::string::npos) << page;
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos) << page;
}

TEST(SessionPage, IsBoundedAndSaysWhatIsLeftOut) {
  std::vector<PageEntry> many(10'000, {std::string(900, '<'), 1, 1});
  many.push_back({"newest", 1, 2});
  const std::string page = session_page("s1", many);
  EXPECT_LT(page.size(), 2'000'000U);
  EXPECT_NE(page.find(" earlier ones are not shown</p>"), std::string::npos);
  EXPECT_NE(page.find("newest"), std::string::npos);
}

TEST(SessionPage, IsMadeOfPlainFilesBelowTheFolder) {
  const fs::path folder = fs::temp_directory_path() / ("omcp-page-" + random_uuid());
  fs::create_directories(folder / "d");
  fs::create_directory(folder / ".hidden");
  for (const char* name : {"plot-004.png", "d/a b.csv", ".hidden/x", ".omcp-1.part"}) {
    std::ofstream{folder / name} << "123";
  }
  fs::create_symlink(folder / "plot-004.png", folder / "plot-009.png");
  std::vector<PageEntry> entries = page_entries(folder);
  std::sort(entries.begin(), entries.end(),
            [](const PageEntry& a, const PageEntry& b) { return a.path < b.path; });
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].path, "d/a b.csv");
  EXPECT_EQ(entries[0].size, 3U);
  EXPECT_EQ(next_plot_number(entries), 5U);
  EXPECT_TRUE(page_entries(folder / "none").empty());
  EXPECT_EQ(next_plot_number({}), 1U);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace omcp_r::tools
