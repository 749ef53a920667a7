#include <string_view>

#include "commands/commands.hpp"
#include "commands/hosts.hpp"
#include "commands/install_arguments.hpp"
#include "omcp_r/app/options.hpp"
#include "pages/pages.hpp"

namespace omcp_r::pages {
namespace {

using namespace omcp_r::app;
using commands::described;
using commands::Host;
using commands::hosts;
using commands::install_options;
using commands::InstallOption;

constexpr const char* kManStart =
    R"(.SH NAME
omcp\-r\-sandbox \- MCP server that runs R in hardened containers
.SH SYNOPSIS
.B omcp\-r\-sandbox
.RI [ options ]
.br
.B omcp\-r\-sandbox run
.IR FILE.R " | "
.BI \-e " CODE"
.RI [ options ]
.br
.B omcp\-r\-sandbox list
.br
.B omcp\-r\-sandbox remove
.IR SANDBOX...
.br
.B omcp\-r\-sandbox install
.RI [ HOST... "] [" options ]
.SH DESCRIPTION
.B omcp\-r\-sandbox
speaks the Model Context Protocol on its standard input and output.
A language model in a host such as Claude Desktop or VS Code writes R code; the server runs it in a
locked\-down container and answers with what an R console would have shown, plots included.
Hosts start the server themselves:
.B omcp\-r\-sandbox install
tells them how.
.PP
Without options it serves until its input ends; at a terminal it says what it is for.
It needs a Docker engine, 20.10 or later, and an image with R, 4.1 or later.
.SH OPTIONS
Each setting is an option, a variable of the environment, and a line of a
.I .env
file; where several are given, the first of these counts.
An empty value stands for the default.
.TP
.BI \-\-env\-file " FILE"
The
.I .env
file to read, and no other.
.TP
.B \-\-print\-config
Print every value and where it comes from.
.TP
.BR \-h ", " \-\-help
Print all options.
.TP
.BR \-V ", " \-\-version
Print the version.
)";

constexpr const char* kManEnd =
    R"(.SH FILES
.TP
.I \(ti/.config/omcp\-r\-sandbox/.env
Your own settings (or in
.IR $XDG_CONFIG_HOME ).
.TP
.I .env
The one in the working directory, or else in its nearest parent, goes over yours.
It may have come with somebody's project, and so does not set everything.
.TP
.I /usr/share/doc/omcp\-r\-sandbox/sample.env
Every setting, explained at length.
.SH EXIT STATUS
.TP
.B 0
The input ended, or a signal asked for the end.
.TP
.B 1
The server cannot go on, or a command
could not do all it was asked for.
.B run
ends as R does: 0, 1 after an error, or what
.BR quit ()
says; 124 at the time limit, 130 where it was stopped.
.TP
.B 2
A setting or an option is wrong; the message names its place and what is allowed.
A host is told in the answers of the tools instead.
.SH EXAMPLES
Is everything set as it was meant?
.PP
.RS
.nf
omcp\-r\-sandbox \-\-print\-config
.fi
.RE
.PP
Add the server to Claude Code:
.PP
.RS
.nf
omcp\-r\-sandbox install claude\-code \-\-env DATA_DIR=/home/ann/survey
.fi
.RE
Run a script in a sandbox, and keep what it makes:
.PP
.RS
.nf
omcp\-r\-sandbox run analysis.R \-\-data /home/ann/survey \-\-out results
.fi
.RE
.SH SEE ALSO
.BR docker (1),
.BR Rscript (1)
.PP
The Model Context Protocol: https://modelcontextprotocol.io
)";

std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += c;
    }
  }
  // A line that begins with one of these would be a command.
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string man_entry(const Option& option) {
  const std::string fallback = option.fallback;
  std::string found;
  if (option.found == Found::kLowers) found = " A found .env only lowers it.";
  if (option.found == Found::kNothing) found = " Not from a found .env.";
  return ".TP\n.BI " + roff(flag_of(option.variable)) + " \" " + placeholder(option.kind) + "\"\n" +
         roff(option.help) + roff(found) + "\n.br\n.IR " + roff(option.variable) + ";\n" +
         roff(option.allowed) + (fallback.empty() ? "" : "; default " + roff(fallback)) + ".\n";
}

/// The command that hosts are told of the server by.
std::string man_install() {
  std::string text = ".SH INSTALL\n" + roff(omcp_r::commands::install_purpose()) + "\n.SS Hosts\n";
  for (const Host& host : hosts()) {
    text += ".TP\n.B " + roff(host.name) + "\n" + roff(described(host)) + ".\n";
  }
  text += ".SS Options of install\n";
  for (const InstallOption& option : install_options()) {
    text += ".TP\n.BI " + roff(option.flag) +
            (option.takes_value() ? " \" " + roff(option.value) + "\"" : "") + "\n" +
            roff(option.help) + "\n";
  }
  return text;
}

/// Those that work with sandboxes themselves.
std::string man_commands() {
  std::string text = ".SH COMMANDS\nThey take the options above as well.\n";
  for (const omcp_r::commands::Command& command : omcp_r::commands::commands()) {
    if (command.usage == nullptr) continue;
    const omcp_r::commands::Usage& usage = command.usage();
    text += ".SS " + std::string(usage.name) + " " + roff(usage.arguments) + "\n" +
            roff(usage.help) + "\n";
    for (const omcp_r::commands::Flag& flag : usage.flags) {
      text += ".TP\n.BI " + roff(flag.name) +
              (*flag.value == '\0' ? "" : " \" " + roff(flag.value) + "\"") + "\n" +
              roff(flag.help) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string man_page() {
  std::string text =
      ".\\\" Made from the table of settings.\n"
      ".TH OMCP\\-R\\-SANDBOX 1 \"\" \"omcp\\-r\\-sandbox " OMCP_VERSION "\" \"User Commands\"\n" +
      std::string(kManStart);
  std::string group;
  for (const Option& option : options()) {
    if (option.group != group) text += ".SS " + roff(option.group) + "\n";
    group = option.group;
    text += man_entry(option);
  }
  return text + man_commands() + man_install() + kManEnd;
}

}  // namespace omcp_r::pages
