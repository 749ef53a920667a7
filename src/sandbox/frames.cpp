#include "omcp_r/sandbox/frames.hpp"

#include <algorithm>
#include <charconv>

namespace omcp_r::sandbox {
namespace {

constexpr std::string_view kMagic = "OMCP1 ";

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\x01':
        out +=
            "\x01"
            "A";
        break;
      case '\n':
        out +=
            "\x01"
            "B";
        break;
      case '\r':
        out +=
            "\x01"
            "C";
        break;
      case '\x02':
        out +=
            "\x01"
            "D";
        break;
      default:
        out += c;
    }
  }
}

/// Splits "TYPE ID LENGTH"; false when it is no such thing.
bool parse_header(std::string_view line, Frame& frame, std::size_t& length) {
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return false;
  }
  const std::string_view number = line.substr(second + 1);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), length);
  if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size()) {
    return false;
  }
  frame.type = line.substr(0, first);
  frame.id = line.substr(first + 1, second - first - 1);
  return length <= FrameParser::kMaxPayload;
}

/// How many bytes at the end of `text` could be the start of `mark`.
std::size_t partial_match(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == mark.substr(0, n)) {
      return n;
    }
  }
  return 0;
}

}  // namespace

std::string encode_request(const Fields& fields) {
  std::string line = "OMCP1";
  for (const auto& [key, value] : fields) {
    line += '\x02';
    append_escaped(line, key);
    line += '\x02';
    append_escaped(line, value);
  }
  line += "\x02.\n";
  return line;
}

std::vector<Frame> FrameParser::feed(std::string_view bytes) {
  std::vector<Frame> frames;
  buffer_.append(bytes);
  while (in_payload_ ? take_payload(frames) : take_header()) {
  }
  return frames;
}

bool FrameParser::take_header() {
  const auto newline = buffer_.find('\n');
  if (newline == std::string::npos) {
    if (buffer_.size() > kMaxHeader) {
      buffer_.clear();
      in_garbage_ = true;
    }
    return false;
  }
  const std::string_view line = std::string_view{buffer_}.substr(0, newline);
  in_payload_ = !in_garbage_ && line.size() <= kMaxHeader && line.starts_with(kMagic) &&
                parse_header(line.substr(kMagic.size()), frame_, length_);
  in_garbage_ = false;
  buffer_.erase(0, newline + 1);
  return !buffer_.empty();
}

bool FrameParser::take_payload(std::vector<Frame>& out) {
  if (buffer_.size() < length_ + 1) {
    return false;
  }
  in_payload_ = false;
  if (buffer_[length_] == '\n') {
    frame_.payload = buffer_.substr(0, length_);
    buffer_.erase(0, length_ + 1);
    out.push_back(std::move(frame_));
    frame_ = {};
  }
  // Otherwise the header lied: what follows it is looked at again for a true one.
  return !buffer_.empty();
}

void TranscriptFilter::expect(std::string_view id, bool joined_late) {
  begin_ = std::string{"\x02OMCP1 begin "}.append(id) + '\n';
  end_ = std::string{"\x02OMCP1 end "}.append(id) + '\n';
  held_.clear();
  stage_ = joined_late ? Stage::kInside : Stage::kBefore;
}

void TranscriptFilter::feed(std::string_view bytes, const Sink& sink) {
  if (stage_ == Stage::kEnded) {
    return;
  }
  held_.append(bytes);
  if (stage_ == Stage::kBefore) {
    step([](std::string_view) {});
  }
  if (stage_ == Stage::kInside) {
    step(sink);
  }
}

// Passes on what stands before the mark of this stage and goes to the next stage at the mark.
void TranscriptFilter::step(const Sink& sink) {
  const std::string& mark = stage_ == Stage::kBefore ? begin_ : end_;
  const auto at = held_.find(mark);
  if (at != std::string::npos) {
    sink(std::string_view{held_}.substr(0, at));
    held_.erase(0, at + mark.size());
    stage_ = stage_ == Stage::kBefore ? Stage::kInside : Stage::kEnded;
    return;
  }
  const std::size_t keep = partial_match(held_, mark);
  sink(std::string_view{held_}.substr(0, held_.size() - keep));
  held_.erase(0, held_.size() - keep);
}

}  // namespace omcp_r::sandbox
