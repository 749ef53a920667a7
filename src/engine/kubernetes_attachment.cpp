#include "kubernetes_attachment.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cctype>
#include <utility>

namespace omcp_r::engine {
namespace {

constexpr std::array<std::string_view, 6> kAdvice{"If you don't see a command prompt",
                                                  "All commands and output from this session",
                                                  "Defaulting container name",
                                                  "Defaulted container",
                                                  "Use 'kubectl describe",
                                                  "Unable to use a TTY"};
constexpr std::array<std::string_view, 4> kReasons{"error: ", "Error from server",
                                                   "Unable to connect to the server", "warning: "};

/// No remark of kubectl's is longer.
constexpr std::size_t kMostHeld = 4096;

bool begins_with_one_of(std::string_view line, const auto& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [line](std::string_view one) { return line.starts_with(one); });
}

/// As klog writes it: "E1130 02:24:29.123456".
bool is_log_line(std::string_view line) {
  constexpr std::string_view kShape = "E0000 00:00:00";
  if (line.size() < kShape.size() || std::string_view{"EWI"}.find(line[0]) == line.npos) {
    return false;
  }
  for (std::size_t i = 1; i < kShape.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(line[i])) != 0;
    if (kShape[i] == '0' ? !digit : line[i] != kShape[i]) return false;
  }
  return true;
}

bool may_be_reason(std::string_view line) {
  return begins_with_one_of(line, kReasons) || is_log_line(line);
}

/// Where the last line begins, be it whole or not.
std::size_t last_line(std::string_view text) {
  if (text.empty()) return 0;
  const std::size_t end = text.rfind('\n', text.size() - 2);
  return text.size() < 2 || end == std::string_view::npos ? 0 : end + 1;
}

class QuietAttachment final : public Attachment {
 public:
  explicit QuietAttachment(std::unique_ptr<Attachment> inner) : inner_(std::move(inner)) {}

  asio::awaitable<Status> write(std::string bytes) override {
    return inner_->write(std::move(bytes));
  }

  asio::awaitable<std::optional<Chunk>> read() override {
    while (!next_) {
      auto chunk = co_await inner_->read();
      if (!chunk) {
        co_return std::nullopt;
      }
      if (chunk->stream == Stream::kErr) {
        chunk->bytes = remarks_.feed(chunk->bytes);
        if (chunk->bytes.empty()) {
          // The next may be there already: others have their turn first.
          co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
          continue;
        }
        co_return chunk;
      }
      std::string held = remarks_.release();
      if (held.empty()) {
        co_return chunk;
      }
      next_ = std::move(chunk);  // what was said before it goes first
      Chunk before;
      before.stream = Stream::kErr;
      before.bytes = std::move(held);
      co_return before;
    }
    co_return std::exchange(next_, std::nullopt);
  }

  void close() override { inner_->close(); }

 private:
  std::unique_ptr<Attachment> inner_;
  Remarks remarks_;
  std::optional<Chunk> next_;
};

}  // namespace

std::string Remarks::feed(std::string_view bytes) {
  std::string text = std::exchange(held_, {}).append(bytes);
  while (fresh_ && begins_with_one_of(text, kAdvice)) {
    const std::size_t end = text.find('\n');
    text.erase(0, end == std::string::npos ? text.size() : end + 1);
  }
  std::size_t end = text.size();
  constexpr int kMostLines = 8;
  for (int i = 0; i < kMostLines; ++i) {
    const std::size_t begin = last_line(std::string_view{text}.substr(0, end));
    if (begin == end || text.size() - begin > kMostHeld ||
        !may_be_reason(std::string_view{text}.substr(begin, end - begin))) {
      break;
    }
    end = begin;
  }
  held_ = text.substr(end);
  text.resize(end);
  fresh_ = fresh_ && text.empty();
  return text;
}

std::string Remarks::release() {
  return std::exchange(held_, {});
}

std::unique_ptr<Attachment> without_remarks(std::unique_ptr<Attachment> attachment) {
  return std::make_unique<QuietAttachment>(std::move(attachment));
}

}  // namespace omcp_r::engine
