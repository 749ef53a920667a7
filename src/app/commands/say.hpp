#pragma once

#include <cstdio>
#include <string>

namespace omcp_r::commands {

/// A line for the person who waits for it: what follows may take its time.
inline void say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

/// A line on stderr, behind what was said before.
inline void complain(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "omcp-r-sandbox: %s\n", text.c_str());
}

}  // namespace omcp_r::commands
