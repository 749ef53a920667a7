#include <string>

#include "line_budget.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"

namespace omcp_r::tools {
namespace {

/// Of the code, in bytes on the wire.
constexpr std::size_t kCodeBytes = 900'000;
constexpr std::size_t kFact = 300;

/// A fact as one line: a second one would be code.
std::string comment(const std::string& key, const std::string& value) {
  return value.empty() ? "" : "# " + key + ": " + printable(value, kFact) + "\n";
}

std::string remark(std::uint64_t pieces, const char* what) {
  return pieces == 0 ? "" : "# (" + std::to_string(pieces) + " " + what + ")\n";
}

/// Code that failed, as comments: it would end the reading of the script. R takes a CR for the end
/// of a line where it reads one.
std::string commented(const std::string& code) {
  std::string text = "# The following failed:\n# ";
  for (const char c : code) {
    text += c == '\r' ? '\n' : c;
    text += c == '\r' || c == '\n' ? "# " : "";
  }
  return text;
}

}  // namespace

std::string session_script(const sandbox::SessionFacts& facts, const sandbox::SandboxView& view) {
  std::string script = kScriptMark + printable(view.id, kFact) + "\n";
  script += comment("Image", view.image);
  script += comment("Image digest", view.image_digest);
  script += comment("R", facts.r_version);
  script += comment("Platform", facts.platform);
  script += comment("Locale", facts.locale);
  script += comment("Time zone", facts.timezone);
  script += comment("Random numbers", facts.rng);
  script += "\n";
  script += facts.seed.empty() ? "" : "set.seed(" + facts.seed + ")\n";
  script += remark(facts.code_dropped, "earlier pieces of code are not kept any more");
  std::size_t room = kCodeBytes;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < facts.code.size(); ++i) {
    const bool failed = i < facts.failed.size() && facts.failed[i];
    const std::string piece = failed ? commented(facts.code[i]) : facts.code[i];
    const std::size_t bytes = text_bytes(piece);
    if (bytes > room) {
      break;
    }
    room -= bytes;
    script += piece + "\n";
    ++shown;
  }
  return script + remark(facts.code.size() - shown, "more pieces of code do not fit in here");
}

}  // namespace omcp_r::tools
