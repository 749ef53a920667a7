// Nothing is left over time.

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

class Cycles : public SandboxTest {};

TEST_F(Cycles, AHundredCreationsAndRemovalsLeaveNothing) {
  Server& server = start({{{"MAX_SANDBOXES", "2"}}, {}, true, {}});
  const auto cycle = [&] {
    const Sandbox box = create(server);
    ASSERT_EQ(box.output("cat('x')"), "x");
    ASSERT_TRUE(box.remove().success());
  };
  for (int i = 0; i < 10; ++i) cycle();
  EXPECT_TRUE(eventually([&] { return server.children().empty(); }));
  const std::size_t descriptors = server.open_descriptors();
  const long kilobytes = server.resident_kilobytes();
  for (int i = 0; i < 90; ++i) {
    cycle();
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(eventually([&] { return server.children().empty(); })) << "children were left";
  EXPECT_TRUE(eventually([&] { return server.open_descriptors() <= descriptors; }))
      << descriptors << " descriptors became " << server.open_descriptors();
  EXPECT_LT(server.resident_kilobytes(), kilobytes + 4096 * time_factor()) << "from " << kilobytes;
  EXPECT_TRUE(containers().empty());
  EXPECT_EQ(server.call("list_sandboxes").data().at("count"), 0);
}

TEST_F(Cycles, AThousandExecutionsKeepTheServerAsItWas) {
  const Sandbox box = sandbox();
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) ASSERT_EQ(box.output("cat(6 * 7)"), "42");
  };
  use(200);
  const std::size_t descriptors = server().open_descriptors();
  const long kilobytes = server().resident_kilobytes();
  use(800);
  EXPECT_LE(server().open_descriptors(), descriptors);
  EXPECT_LT(server().resident_kilobytes(), kilobytes + 4096 * time_factor())
      << "from " << kilobytes;
}

TEST_F(Cycles, FailedCreationsLeaveNothingEither) {
  Server& server =
      start({{{"DOCKER_IMAGE", "omcp-r-test:never-made"}, {"MAX_SANDBOXES", "2"}}, {}, true, {}});
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(server.call("create_sandbox").error_code(), "image_not_found");
  const std::size_t descriptors = server.open_descriptors();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(server.call("create_sandbox").error_code(), "image_not_found");
  EXPECT_LE(server.open_descriptors(), descriptors);
  EXPECT_TRUE(server.children().empty());
}

TEST_F(Cycles, TenSandboxesWorkAtOnce) {
  std::vector<Sandbox> boxes;
  std::vector<int> creations;
  for (int i = 0; i < 10; ++i) creations.push_back(server().send_call("create_sandbox"));
  for (const int id : creations) {
    const ToolResult made = server().finish_call(id);
    ASSERT_TRUE(made.success()) << made;
    boxes.emplace_back(server(), made.data().at("sandbox_id"));
  }
  std::vector<int> runs;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    runs.push_back(boxes[i].start("cat(" + std::to_string(i) + "); Sys.sleep(1)"));
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_EQ(server().finish_call(runs[i]).output(), std::to_string(i));
  }
}

}  // namespace
}  // namespace omcp_r::e2e
