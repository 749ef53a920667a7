#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace omcp_r::commands {

/// Shows on standard error how something long goes: its last line on a terminal, its steps
/// elsewhere. Keeps all of it in a file, where one is named.
class Progress {
 public:
  explicit Progress(const std::filesystem::path& log = {});
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// What a program has printed.
  void take(std::string_view bytes);
  /// Takes away what is shown on a terminal, so that a line can follow.
  void end();
  /// The last lines, for who wants to know why it failed.
  [[nodiscard]] std::string last_lines() const;

 private:
  void show(std::string_view line);

  bool on_terminal_;
  bool shown_ = false;
  std::ofstream log_;
  std::string line_;  ///< that is not whole yet
  std::string last_;  ///< some lines
};

/// Whether a line of a build says which step it is at.
bool is_step(std::string_view line);

}  // namespace omcp_r::commands
