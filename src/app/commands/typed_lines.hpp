#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "commands/line_editor.hpp"
#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/report.hpp"

namespace omcp_r::commands {

namespace asio = boost::asio;

/// The lines of standard input, while the loop goes on: edited where that and the output are a
/// terminal, as they are from a pipe or a file.
class TypedLines {
 public:
  struct Line {
    enum class Kind { kLine, kCleared, kEnd };
    Kind kind = Kind::kEnd;
    std::string text = {};
  };
  /// What completes a line, by its beginning.
  using Complete = std::function<asio::awaitable<Result<sandbox::Completions>>(const std::string&)>;

  /// `history` is the path of the editor's file.
  TypedLines(const asio::any_io_executor& executor, const std::string& history, Complete complete);

  [[nodiscard]] bool edited() const { return editor_ != nullptr; }
  asio::awaitable<Line> next(std::string prompt);
  /// The next line of a pipe where that has come already.
  std::optional<std::string> at_once();
  /// Has next() give kCleared.
  void wake();

 private:
  asio::awaitable<bool> readable();
  asio::awaitable<Line> next_edited(std::string prompt);
  asio::awaitable<Line> next_plain();

  asio::posix::stream_descriptor input_;
  Complete complete_;
  std::unique_ptr<LineEditor> editor_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of what was not given yet
  std::size_t scanned_ = 0;  ///< up to where there is no line end
  bool at_end_ = false;
  bool woken_ = false;
};

}  // namespace omcp_r::commands
