#include "omcp_r/rpc/line_framer.hpp"

#include <utility>

namespace omcp_r::rpc {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kKeepCapacity = std::size_t{1} << 20;

}  // namespace

void LineFramer::push(std::string_view bytes) {
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kKeepCapacity) {
    buffer_.shrink_to_fit();  // one huge line must not cost memory for ever
  }
  buffer_.append(bytes);
}

std::optional<Line> LineFramer::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
      bound_the_unfinished_line();
      return std::nullopt;
    }
    if (auto line = take(end)) {
      return line;
    }
  }
}

std::optional<Line> LineFramer::take(std::size_t end) {
  std::string_view text = std::string_view{buffer_}.substr(start_, end - start_);
  start_ = scanned_ = end + 1;
  const bool was_skipping = std::exchange(skipping_, false);
  if (std::exchange(at_stream_start_, false) && text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  if (was_skipping || text.size() > max_line_) {
    return Line{{}, true};
  }
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) {
    return std::nullopt;
  }
  return Line{std::string{text}, false};
}

void LineFramer::bound_the_unfinished_line() {
  scanned_ = buffer_.size();
  const std::size_t allowance = kByteOrderMark.size() + 1;  // and a \r: not part of the line
  if (!skipping_ && buffer_.size() - start_ <= max_line_ + allowance) {
    return;
  }
  skipping_ = skipping_ || buffer_.size() > start_;
  buffer_.clear();
  start_ = scanned_ = 0;
}

}  // namespace omcp_r::rpc
