#include "tools/line_budget.hpp"

#include <gtest/gtest.h>

#include "omcp_r/base/text.hpp"
#include "omcp_r/rpc/json_text.hpp"

namespace omcp_r::tools {
namespace {

TEST(TextBytes, AreThoseOfTheWire) {
  std::string all;
  for (char c = 1; c < 127; ++c) {
    all += c;
  }
  all += "\x7F\xC2\x80\xC2\x85\xC2\x86\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xF0\x9F\x98\x80";
  for (const std::string& text : {std::string{}, std::string{"plain"}, all, std::string(3, '\0')}) {
    EXPECT_EQ(text_bytes(text), rpc::to_text(mcp::Json(text)).size());
  }
}

TEST(CutText, TearsNoCharacter) {
  EXPECT_EQ(cut_text("\xE4\xB8\x96\xE4\xB8\x96", 4), "\xE4\xB8\x96");
  EXPECT_EQ(cut_text("\xE4\xB8\x96", 2), "");
  EXPECT_EQ(cut_text("short", 9), "short");
}

TEST(Output, ThatFitsIsWhole) {
  sandbox::Transcript transcript{1000};
  transcript.append("all of it\n");
  const FittedOutput output = output_that_fits(transcript, {}, 100);
  EXPECT_EQ(output.pieces, std::vector<std::string>{"all of it\n"});
  EXPECT_FALSE(output.shortened);
}

TEST(Output, IsShortenedToItsRoomHoweverItsCharactersAreSpread) {
  const std::string plain(40'000, 'a');
  const std::string dear(40'000, '\1');
  for (const std::string& text : {plain, dear, plain + dear, dear + plain + dear}) {
    sandbox::Transcript transcript{100'000};
    transcript.append(text);
    for (const std::size_t room : {std::size_t{1'000}, std::size_t{30'000}}) {
      const FittedOutput output = output_that_fits(transcript, {20'000}, room);
      EXPECT_TRUE(output.shortened);
      ASSERT_EQ(output.pieces.size(), 2U);
      EXPECT_LE(text_bytes(output.pieces[0]) + text_bytes(output.pieces[1]), room);
      EXPECT_NE(output.pieces[0].find("left out here"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace omcp_r::tools
