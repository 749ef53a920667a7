#include <string>
#include <string_view>

#include "line_budget.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/sandbox_resources.hpp"

namespace omcp_r::tools {
namespace {

constexpr std::string_view kSandbox = "# Session of sandbox: ";
constexpr std::string_view kSession = "# Begun with seed: ";  ///< no other session has it
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

/// Code with a CR in it as a call: R would take the CR for the end of a line where it reads a file,
/// and what stands behind it in a comment would run.
std::string quoted(const std::string& code) {
  std::string text = "eval(parse(text = \"";
  for (const char c : code) {
    if (c == '\r' || c == '\n') {
      text += c == '\r' ? "\\r" : "\\n";
    } else {
      text += c == '"' || c == '\\' ? "\\" : "";
      text += c;
    }
  }
  return text + "\"))";
}

std::string piece_of(const std::string& code, bool failed) {
  if (failed) {
    return commented(code);
  }
  return code.find('\r') == std::string::npos ? code : quoted(code);
}

}  // namespace

std::string script_mark(const std::string& script) {
  const auto line = script.find('\n');
  const auto end = line == std::string::npos ? line : script.find('\n', line + 1);
  const bool tells = end != std::string::npos && script.starts_with(kSandbox) &&
                     std::string_view{script}.substr(line + 1).starts_with(kSession);
  return tells ? script.substr(0, end + 1) : "";
}

std::string session_script(const sandbox::SessionFacts& facts, const sandbox::SandboxView& view) {
  std::string script = std::string{kSandbox} + printable(view.id, kFact) + "\n";
  if (!facts.seed.empty()) {
    script += std::string{kSession} + printable(facts.seed, kFact) + "\n";
  }
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
    const std::string piece = piece_of(facts.code[i], failed);
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
