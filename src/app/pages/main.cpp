// Prints the pages that ship beside the program, for the build; not installed itself.

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "pages/pages.hpp"

namespace {

using namespace omcp_r::pages;

std::string page(const std::vector<std::string>& words) {
  const std::string kind = words.empty() ? "" : words[0];
  if (kind == "man") return man_page();
  if (kind == "bash") return bash_completion();
  if (kind == "zsh") return zsh_completion();
  if (kind == "fish") return fish_completion();
  if (kind == "bundle" && words.size() == 2) return bundle_manifest(words[1]);
  if (kind == "registry" && words.size() == 3) return registry_entry(words[1], words[2]);
  throw std::runtime_error("usage: omcp_pages man|bash|zsh|fish|bundle FILE|registry FILE SHA256");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string text = page({argv + 1, argv + argc});
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "omcp_pages: %s\n", error.what());
    return 1;
  }
}
