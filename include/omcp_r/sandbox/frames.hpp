#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omcp_r::sandbox {

/// The fields of a request to the worker, in order: {"do","run"}, {"id",…}, …
using Fields = std::vector<std::pair<std::string, std::string>>;

/// One line for the worker. Any bytes but NUL may stand in a value.
std::string encode_request(const Fields& fields);

/// What the worker or the supervisor said on the control channel.
struct Frame {
  std::string type;
  std::string id;
  std::string payload;
};

/// Finds frames in the bytes of the control channel. User code can write there too, so every byte
/// is hostile: what is no frame is dropped up to the next line, and nothing is kept beyond
/// kMaxPayload.
class FrameParser {
 public:
  static constexpr std::size_t kMaxHeader = 128;
  static constexpr std::size_t kMaxPayload = std::size_t{24} << 20;

  /// Takes bytes and returns the frames that they complete.
  std::vector<Frame> feed(std::string_view bytes);

 private:
  bool take_header();
  bool take_payload(std::vector<Frame>& out);

  std::string buffer_;
  Frame frame_;
  std::size_t length_ = 0;
  bool in_payload_ = false;
  bool in_garbage_ = false;
};

/// Cuts the output of one execution out of the transcript, where it stands between two marks.
class TranscriptFilter {
 public:
  using Sink = std::function<void(std::string_view)>;

  /// From now on, passes on what belongs to execution `id`. With `joined_late` its first mark has
  /// gone by already.
  void expect(std::string_view id, bool joined_late);
  void feed(std::string_view bytes, const Sink& sink);
  /// The end mark has been seen, or nothing is expected.
  [[nodiscard]] bool ended() const { return stage_ == Stage::kEnded; }

 private:
  enum class Stage { kBefore, kInside, kEnded };
  void step(const Sink& sink);

  Stage stage_ = Stage::kEnded;
  std::string begin_;
  std::string end_;
  std::string held_;
};

}  // namespace omcp_r::sandbox
