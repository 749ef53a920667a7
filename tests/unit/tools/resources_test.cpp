#include <gtest/gtest.h>

#include "omcp_r/mcp/encode.hpp"
#include "omcp_r/rpc/json_text.hpp"
#include "omcp_r/tools/results.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"

namespace omcp_r::tools {
namespace {

using Listing = sandbox::Sandboxes::Listing;

sandbox::SandboxView view(const std::string& id, double created_at) {
  sandbox::SandboxView view;
  view.id = id;
  view.created_at = created_at;
  return view;
}

std::size_t line_bytes(const std::vector<mcp::Resource>& resources) {
  mcp::Json list = mcp::Json::array();
  for (const mcp::Resource& resource : resources) {
    list.push_back(mcp::encode_resource(resource));
  }
  return rpc::to_text(list).size();
}

TEST(Resources, AreScriptsAndFilesNewestSandboxFirst) {
  const std::vector<Listing> listings{{"old", {{"a.csv", 3}}}, {"new", {{"b c.txt", 7}}}};
  const auto list = resource_list({view("old", 1), view("new", 2), view("asleep", 0)}, listings);
  ASSERT_EQ(list.size(), 11U);
  EXPECT_EQ(list[0].uri, "sandbox://new/.session.R");
  EXPECT_EQ(list[1].uri, "sandbox://new/.packages");
  EXPECT_EQ(list[2].uri, "sandbox://new/.objects");
  EXPECT_EQ(list[3].uri, "sandbox://new/b%20c.txt");
  EXPECT_EQ(list[3].name, "b c.txt");
  EXPECT_EQ(list[3].size, 7U);
  EXPECT_EQ(list[7].uri, "sandbox://old/a.csv");
  EXPECT_EQ(list[7].mime_type, "text/csv");
  EXPECT_EQ(list[8].uri, "sandbox://asleep/.session.R");
}

TEST(Resources, OfSandboxesThatCannotBeReadThereAreNone) {
  sandbox::SandboxView foreign = view("foreign", 1);
  foreign.foreign = true;
  EXPECT_TRUE(resource_list({foreign}, {{"foreign", {{"a", 1}}}}).empty());
}

TEST(Resources, AreBoundedInNumberAndBytes) {
  std::vector<sandbox::SandboxView> views;
  std::vector<Listing> many;
  std::vector<Listing> large;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "s" + std::to_string(i);
    views.push_back(view(id, i));
    many.push_back({id, std::vector<sandbox::FileEntry>(1'000, {"a", 1})});
    large.push_back({id, std::vector<sandbox::FileEntry>(1'000, {std::string(1'000, '"'), 1})});
  }
  EXPECT_EQ(resource_list(views, many).size(), 1'000U);
  const auto list = resource_list(views, large);
  EXPECT_GT(list.size(), 50U);
  EXPECT_LT(line_bytes(list), 510'000U);
}

TEST(Contents, AreTextWhereTheyAreAndFit) {
  EXPECT_TRUE(contents_of("a.csv", "x,\xC3\xBC\n").is_text);
  EXPECT_FALSE(contents_of("a.csv", "x\xFF").is_text);
  EXPECT_FALSE(contents_of("a.csv", std::string("a\0b", 3)).is_text);
  const mcp::ResourceContents dear = contents_of("a.txt", std::string(700'000, '\1'));
  EXPECT_FALSE(dear.is_text) << "six bytes each on the wire";
  EXPECT_LT(rpc::to_text(mcp::encode_resource_contents("sandbox://s/a.txt", dear)).size(),
            990'000U);
}

TEST(Parts, AreTheFileAgainAndCutNoCharacter) {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) {
    text += i % 3 == 0 ? "x" : i % 3 == 1 ? "\xC3\xBC" : "\xF0\x9F\x98\x80";
  }
  const std::string binary(2'100'000, '\x80');
  for (const std::string& file : {text, binary}) {
    const std::uint64_t parts = parts_of(file.size());
    EXPECT_EQ(parts, (file.size() + 699'999) / 700'000);
    std::string all;
    for (std::uint64_t part = 1; part <= parts; ++part) {
      const std::string cut =
          cut_part(file.substr(first_byte_of(part), 700'003), part, file.size());
      EXPECT_LE(cut.size(), 700'003U);
      EXPECT_EQ(contents_of("f", cut).is_text, file == text) << part;
      all += cut;
    }
    EXPECT_TRUE(all == file);
  }
}

TEST(Parts, AFileThatFitsIsOne) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{720'000}}) {
    EXPECT_EQ(parts_of(size), 1U);
    EXPECT_EQ(cut_part(std::string(size, 'x'), 1, size).size(), size);
  }
  EXPECT_EQ(parts_of(720'001), 2U);
  EXPECT_EQ(cut_part(std::string(720'000, 'x'), 1, 720'001).size(), 700'000U);
}

sandbox::SessionFacts facts() {
  sandbox::SessionFacts facts;
  facts.r_version = "R version 4.2.2";
  facts.seed = "7";
  facts.code = {"x <- 1", "x"};
  return facts;
}

TEST(SessionScript, HasTheCodeBelowAHeaderOfComments) {
  sandbox::SandboxView sandbox = view("s1", 0);
  sandbox.image_digest = "sha256:1";
  const std::string script = session_script(facts(), sandbox);
  EXPECT_NE(script.find("# Session of sandbox: s1\n"), std::string::npos);
  EXPECT_NE(script.find("# Image digest: sha256:1\n"), std::string::npos);
  EXPECT_NE(script.find("# R: R version 4.2.2\n"), std::string::npos);
  EXPECT_TRUE(script.ends_with("set.seed(7)\nx <- 1\nx\n"));
}

TEST(SessionScript, WhatFailedIsAComment) {
  sandbox::SessionFacts some = facts();
  some.code = {"x <- 1", "stop('a')\nsystem('b')\r\nc\rd", "x"};
  some.failed = {false, true};
  EXPECT_TRUE(session_script(some, view("s", 0))
                  .ends_with("\nx <- 1\n# The following failed:\n# stop('a')\n# system('b')\n# \n# "
                             "c\n# d\nx\n"))
      << session_script(some, view("s", 0));
}

// R takes a CR for the end of a line where it reads a file: what stands behind it would run.
TEST(SessionScript, ACarriageReturnEndsNoComment) {
  sandbox::SessionFacts some = facts();
  some.code = {"y <- \"a\\n\" # note\rstop()\nz"};
  EXPECT_TRUE(session_script(some, view("s", 0))
                  .ends_with("\neval(parse(text = \"y <- \\\"a\\\\n\\\" # note\\rstop()\\nz\"))\n"))
      << session_script(some, view("s", 0));
}

TEST(SessionScript, IsMarkedByItsSession) {
  const std::string script = session_script(facts(), view("s1", 0));
  const std::string mark = script_mark(script);
  EXPECT_TRUE(script.starts_with(mark));
  sandbox::SessionFacts later = facts();
  later.code.emplace_back("y");
  EXPECT_EQ(script_mark(session_script(later, view("s1", 0))), mark);
  later.seed = "8";
  EXPECT_NE(script_mark(session_script(later, view("s1", 0))), mark);
  EXPECT_NE(script_mark(session_script(facts(), view("s2", 0))), mark);
  later.seed = "";
  EXPECT_EQ(script_mark(session_script(later, view("s1", 0))), "");
}

TEST(SessionScript, AFactIsNoCode) {
  sandbox::SessionFacts forged = facts();
  forged.platform = "x\nsystem('evil')";
  EXPECT_EQ(session_script(forged, view("s", 0)).find("\nsystem"), std::string::npos);
}

TEST(SessionScript, SaysWhatIsMissing) {
  sandbox::SessionFacts long_one = facts();
  long_one.code.assign(20, std::string(100'000, '"'));
  long_one.code_dropped = 3;
  const std::string script = session_script(long_one, view("s", 0));
  EXPECT_LT(rpc::to_text(mcp::Json(script)).size(), 950'000U);
  EXPECT_NE(script.find("# (3 earlier pieces"), std::string::npos);
  EXPECT_TRUE(script.ends_with("# (16 more pieces of code do not fit in here)\n"))
      << script.substr(script.size() - 100);
}

}  // namespace
}  // namespace omcp_r::tools
