// Two gigabytes of output through a server that stays small.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Flood : public SandboxTest {
 public:
  /// Prints so many megabytes from R; returns the result and the most memory that was seen
  /// meanwhile.
  static std::pair<ToolResult, long> flood(const Sandbox& box, int megabytes) {
    const int running = box.start(
        "x <- paste0(strrep('0123456789', 99), '\\n'); x <- strrep(x, 1009); for (i in 1:" +
            std::to_string(megabytes) + ") cat(x)",
        Json{{"timeout", 200}, {"wait", 200}});
    long most = 0;
    while (!box.server().answered(running, 50ms)) {
      most = std::max(most, box.server().resident_kilobytes());
      if (!box.server().running()) break;
    }
    return {box.server().finish_call(running), most};
  }

  static constexpr long kSmall = 26L * 1024;
};

TEST_F(Flood, OfTwoGigabytesPassesThroughInBoundedMemory) {
  Server& server = start({{{"MAX_OUTPUT_BYTES", "4000000000"}}, {}, true, {}});
  const Sandbox box = create(server);
  const auto [result, most] = flood(box, 2000);
  EXPECT_TRUE(result.success()) << result.error_message();
  EXPECT_EQ(result.data().at("truncated"), true);
  EXPECT_LT(most, kSmall * time_factor());
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

TEST_F(Flood, BeyondTheConfiguredCapStopsTheCode) {
  Server& server = start({{{"MAX_OUTPUT_BYTES", "100000000"}}, {}, true, {}});
  const Sandbox box = create(server);
  const auto [result, most] = flood(box, 2000);
  EXPECT_EQ(result.exit_code(), 137) << result.error_message();
  EXPECT_EQ(result.error_code(), "output_limit");
  EXPECT_LT(most, kSmall * time_factor());
  EXPECT_EQ(box.output("cat('alive')"), "alive");
}

}  // namespace
}  // namespace omcp_r::e2e
