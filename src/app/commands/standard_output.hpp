#pragma once

#include <string>
#include <string_view>

#include "commands/terminal.hpp"

namespace omcp_r::commands {

/// R's output as it comes, on standard output: as it is into a pipe, harmless on a terminal.
class StandardOutput {
 public:
  StandardOutput();

  /// False once nobody takes any more of it: for what reason, why() says.
  bool write(std::string_view bytes);
  void show(std::string_view image);
  /// Whether anybody may still read what will be written.
  bool wanted();
  /// On a terminal: begins a new line where it is in the midst of one.
  void begin_line();
  /// Leaves a terminal as it was.
  void end();
  /// "" where it is only that the reader has gone.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  bool put(std::string_view rest);

  bool on_terminal_;
  bool open_ = true;
  bool at_line_start_ = true;
  std::string why_;
  TerminalFilter filter_;
};

}  // namespace omcp_r::commands
