// The control channel and the transcript of a sandbox: user code can write on both.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "omcp_r/sandbox/frames.hpp"

namespace {

using namespace omcp_r::sandbox;

std::vector<Frame> frames_of(std::string_view bytes, std::size_t step) {
  FrameParser parser;
  std::vector<Frame> frames;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    for (Frame& frame : parser.feed(bytes.substr(at, step))) {
      frames.push_back(std::move(frame));
    }
  }
  return frames;
}

std::string output_of(std::string_view bytes, std::size_t step) {
  TranscriptFilter filter;
  filter.expect("id", false);
  std::string output;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    filter.feed(bytes.substr(at, step), [&](std::string_view part) { output += part; });
  }
  return output;
}

}  // namespace

/// However the bytes are cut, they mean the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const auto whole = frames_of(bytes, size + 1);
  const auto cut = frames_of(bytes, 3);
  FUZZ_CHECK(whole.size() == cut.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    FUZZ_CHECK(whole[i].type == cut[i].type && whole[i].id == cut[i].id);
    FUZZ_CHECK(whole[i].payload == cut[i].payload);
    FUZZ_CHECK(whole[i].payload.size() <= size);
  }
  FUZZ_CHECK(output_of(bytes, size + 1).size() <= size);
  FUZZ_CHECK(output_of(bytes, 5).size() <= size);
  return 0;
}
