// The transcript equals what Rscript prints for the same lines, byte for byte. Each wanted
// difference stands in corpus/differences.json with its reason.

#include <algorithm>
#include <map>

#include "support/fixture.hpp"

namespace omcp_r::e2e {
namespace {

constexpr const char* kHalted = "Execution halted\n";

struct Image {
  const char* name = "";
  std::string (*get)() = nullptr;
  std::size_t every = 1;  ///< snippet of so many: a fresh R for each takes its time
  friend void PrintTo(const Image& image, std::ostream* out) { *out << image.name; }
};

class Corpus : public SandboxTest, public testing::WithParamInterface<Image> {
 public:
  static std::vector<std::filesystem::path> snippets() {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(corpus_folder())) {
      if (entry.path().extension() == ".R") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  static std::map<std::string, Json> wanted_differences() {
    std::map<std::string, Json> wanted;
    for (const Json& difference : Json::parse(read_file(corpus_folder() / "differences.json"))) {
      EXPECT_FALSE(difference.at("reason").get<std::string>().empty());
      wanted[difference.at("snippet")] = difference.at("outputs");
    }
    return wanted;
  }

  /// What a fresh Rscript prints for each snippet, in a container of the same making, by name.
  std::map<std::string, std::string> by_rscript(const Sandbox& other) const {
    std::string script = "cd /sandbox\n";
    for (const auto& path : snippets()) {
      script += "echo " + base64_encode(read_file(path)) + " | base64 -d > /tmp/snippet.R\n" +
                "Rscript /tmp/snippet.R </dev/null 2>&1; printf '\\036'\n" +
                "find /sandbox -mindepth 1 -delete\n";
    }
    const ChildSpec spec{{test_engine(), "exec", "-i", container(other), "sh"}, {}, {}, {}, {}};
    const std::string all = run(spec, script, 400s).output;
    std::map<std::string, std::string> outputs;
    std::size_t start = 0;
    for (const auto& path : snippets()) {
      const std::size_t end = all.find('\036', start);
      if (end == std::string::npos)
        throw std::runtime_error("Rscript stopped at " + path.string() + "\n" + all);
      outputs[path.stem()] = all.substr(start, end - start);
      start = end + 1;
    }
    return outputs;
  }

  /// What execute_r_code prints for it in a fresh session.
  static std::string by_execution(const Sandbox& box, const std::string& code) {
    std::string output = box.run(code).output();
    box.run(
        "unlink(list.files('/sandbox', all.files = TRUE, no.. = TRUE, full.names = TRUE), "
        "recursive = TRUE); quit()");
    return output;
  }
};

TEST_P(Corpus, PrintsWhatRscriptPrints) {
  Server& server =
      start({{{"DOCKER_IMAGE", GetParam().get()}, {"MAX_OUTPUT_CHARS", "50000"}}, {}, true, {}});
  const auto expected = by_rscript(create(server));
  const auto wanted = wanted_differences();
  const auto all = snippets();
  ASSERT_GE(all.size(), 60U);
  const Sandbox box = create(server);
  for (std::size_t i = 0; i < all.size(); i += GetParam().every) {
    const auto& path = all[i];
    const std::string name = path.stem();
    SCOPED_TRACE(name);
    std::string rscript = expected.at(name);
    // Rscript ends at an error, and says so; a session goes on.
    if (rscript.size() >= 17 && rscript.substr(rscript.size() - 17) == kHalted)
      rscript.resize(rscript.size() - 17);
    const std::string ours = by_execution(box, read_file(path));
    const auto difference = wanted.find(name);
    if (difference == wanted.end()) {
      EXPECT_EQ(ours, rscript);
    } else {
      const Json& outputs = difference->second;
      EXPECT_NE(std::find(outputs.begin(), outputs.end(), Json(ours)), outputs.end()) << ours;
      EXPECT_NE(ours, rscript) << "no difference any more: take it out of differences.json";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Images, Corpus,
                         testing::Values(Image{"configured", test_image},
                                         Image{"between", test_image_between, 3},
                                         Image{"newest", newest_test_image}),
                         [](const auto& image) { return std::string(image.param.name); });

}  // namespace
}  // namespace omcp_r::e2e
