#include "notes.hpp"

#include <algorithm>

#include "line_budget.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/verdict.hpp"

namespace omcp_r::tools {
namespace {

using sandbox::Execution;

constexpr std::size_t kOneNote = 3'000;
constexpr std::size_t kMaxNames = 10;
constexpr std::size_t kInnermost = 3;
constexpr std::size_t kCall = 100;
constexpr std::size_t kList = 2'000;

/// Takes notes as long as there is room.
class Notes {
 public:
  void add(const std::string& note) {
    std::string line = printable(note, kOneNote);
    const std::size_t bytes = text_bytes(line) + 1;
    if (!note.empty() && bytes <= room_) {
      room_ -= bytes;
      lines_.push_back(std::move(line));
    }
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::size_t room_ = kNoteBytes;
  std::vector<std::string> lines_;
};

/// Of `all` items, the first of `shown` that fit a line.
std::string listed(std::vector<std::string> shown, std::uint64_t all) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < std::min(shown.size(), kMaxNames) && bytes + shown[count].size() <= kList) {
    bytes += shown[count].size() + (count == 0 ? 0 : 2);
    ++count;
  }
  shown.resize(count);
  return named(shown, all);
}

std::string files_note(const Execution& execution, const CallFacts& facts,
                       std::size_t files_shown) {
  const std::uint64_t left_out = execution.report ? execution.report->files_left_out : 0;
  const std::uint64_t all = facts.files.size() + left_out;
  if (all == 0) {
    return "";
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < files_shown; ++i) {
    names.push_back(facts.files[i].entry.path);
  }
  return "Files made or changed in /sandbox: " + listed(names, all);
}

/// Where in the code an error happened, and in which calls, where R's own message does not say it:
/// R names the calls of its own errors, and the packages of the tidyverse do not.
std::string error_note(const Execution& execution) {
  if (execution.outcome != sandbox::Outcome::kError || !execution.report ||
      !execution.report->error) {
    return "";
  }
  const sandbox::Condition& error = *execution.report->error;
  const auto is_class = [&error](std::string_view name) {
    return std::find(error.classes.begin(), error.classes.end(), name) != error.classes.end();
  };
  if (is_class("parseError")) {
    return "";
  }
  const bool first = error.line.value_or(1) == 1;
  std::string note = first ? "" : "At line " + std::to_string(*error.line) + " of the code";
  if (is_class("rlang_error") && error.traceback.size() > 1) {
    const std::size_t from = error.traceback.size() - std::min(error.traceback.size(), kInnermost);
    note += first ? "In " : ", in ";
    for (std::size_t i = from; i < error.traceback.size(); ++i) {
      const std::string& call = error.traceback[i];
      note += (i == from ? "" : " > ") + printable(call.substr(0, call.find('(')), kCall) + "()";
    }
  }
  return note;
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The folder alone: the paths stand with the files.
std::string saved_note(const CallFacts& facts) {
  const auto files = static_cast<std::size_t>(
      std::count_if(facts.files.begin(), facts.files.end(),
                    [](const ResultFile& file) { return !file.saved_as.empty(); }));
  if (files + facts.plots_saved == 0) {
    return "";
  }
  std::string what = files > 0 ? counted(files, "file") : "";
  what += files > 0 && facts.plots_saved > 0 ? ", " : "";
  what += facts.plots_saved > 0 ? counted(facts.plots_saved, "plot") : "";
  return "Saved on the host: " + facts.saved_in + " (" + what + ")";
}

std::string unsaved_note(const CallFacts& facts) {
  std::vector<std::string> names;
  std::string why;
  std::size_t all = 0;
  for (const ResultFile& file : facts.files) {
    if (!file.save_error.empty()) {
      if (++all <= kMaxNames) {
        names.push_back(file.entry.path);
      }
      why = why.empty() ? file.save_error : why;
    }
  }
  return all == 0 ? "" : "Not saved on the host: " + listed(std::move(names), all) + ". " + why;
}

std::string left_running_note(const Execution& execution) {
  if (!execution.report || execution.report->left_running_count == 0) {
    return "";
  }
  std::vector<std::string> processes;
  for (const sandbox::LeftProcess& process : execution.report->left_running) {
    processes.push_back(std::to_string(process.pid) + " (" + printable(process.command, 200) + ")");
  }
  const std::uint64_t all = execution.report->left_running_count;
  return std::to_string(all) +
         (all == 1 ? " process that this run started is" : " processes that this run started are") +
         " still running: " + listed(processes, all) +
         ". They can go on changing files and later results; tools::pskill(PID) ends one.";
}

std::string output_file_note(const Execution& execution) {
  return execution.output_file.empty()
             ? ""
             : "The output was shortened; " +
                   std::string{execution.transcript.kept_all() ? "all of it" : "its beginning"} +
                   " is in /sandbox/" + execution.output_file + ".";
}

/// Which picture is of which file.
std::string pictures_note(const Execution& execution, std::size_t shown) {
  std::vector<std::string> names;
  for (const sandbox::Plot& plot : execution.plots) {
    if (!plot.file.empty() && !plot.bytes.empty() && names.size() < shown) {
      names.push_back(plot.file);
    }
  }
  const std::size_t all = names.size();
  return all < 2 ? "" : "Images shown, in this order: " + listed(std::move(names), all) + ".";
}

std::string plots_note(const Execution& execution, std::size_t shown) {
  const std::size_t pages = pages_of(execution);
  if (shown >= pages) {
    return "";
  }
  const auto told = std::count_if(execution.plots.begin(), execution.plots.end(),
                                  [](const sandbox::Plot& plot) { return plot.told; });
  std::string note = std::to_string(pages) +
                     (pages == 1 ? " page was drawn; " : " pages were drawn; ") +
                     std::to_string(shown) + (shown == 1 ? " is shown here" : " are shown here");
  if (told > 0) {
    note += ", " + std::to_string(told) + " came with earlier answers";
  }
  if (execution.report && execution.report->plots_as_files > 0) {
    const std::uint64_t files = execution.report->plots_as_files;
    note += ", " + std::to_string(files) + (files == 1 ? " is a PNG file" : " are PNG files") +
            " in /sandbox";
  }
  return note + ".";
}

std::string running_note(const Execution& execution) {
  return "Still running after " + seconds_text(execution.elapsed()) +
         ". Call execute_r_code with execution_id \"" + execution.id +
         "\" to wait for the rest, or with interrupt: true to stop it.";
}

std::string open_page_note(const Execution& execution) {
  return std::any_of(execution.plots.begin(), execution.plots.end(),
                     [](const sandbox::Plot& plot) { return plot.open && !plot.bytes.empty(); })
             ? "A page is shown as it is so far, since the code may still draw on it."
             : "";
}

/// What the reader of the result could not know otherwise: something is missing in it.
void add_losses(Notes& notes, const Execution& execution) {
  if (execution.let_go) {
    notes.add(
        "Output and plots of this run were let go to make room for those of later ones. Run the "
        "code again to see them.");
  }
  notes.add(output_file_note(execution));
  if (execution.joined_late) {
    notes.add(
        "What was printed or drawn while this server was not attached to the execution is "
        "missing.");
  }
  for (const std::string& sentence : execution.dropped) {
    notes.add(sentence);
  }
  if (execution.report && execution.report->incomplete) {
    notes.add("A part of what R reported of this run was too large or malformed, and is left out.");
  }
}

}  // namespace

std::string named(const std::vector<std::string>& names, std::uint64_t all) {
  if (names.empty()) {
    return std::to_string(all) + " in all";
  }
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  const std::uint64_t more = all - std::min<std::uint64_t>(all, names.size());
  return more > 0 ? text + " and " + std::to_string(more) + " more" : text;
}

std::size_t pages_of(const Execution& execution) {
  return std::max<std::size_t>(execution.plots.size(),
                               execution.report ? execution.report->pages : 0);
}

std::vector<std::string> notes_of(const Execution& execution, const CallFacts& facts,
                                  std::size_t plots_shown, std::size_t files_shown) {
  Notes notes;
  if (!execution.done) {
    notes.add(running_note(execution));
    notes.add(open_page_note(execution));
  } else {
    notes.add(verdict_of(execution).message);
    notes.add(error_note(execution));
    add_losses(notes, execution);
    notes.add(files_note(execution, facts, files_shown));
    notes.add(saved_note(facts));
    notes.add(unsaved_note(facts));
    for (const std::string& note : facts.notes) {
      notes.add(note);
    }
    notes.add(pictures_note(execution, plots_shown));
    notes.add(plots_note(execution, plots_shown));
    notes.add(left_running_note(execution));
  }
  notes.add(facts.sandbox_note);
  for (std::size_t i = 0; execution.report && i < execution.report->notes.size(); ++i) {
    notes.add(execution.report->notes[i]);
  }
  return notes.take();
}

}  // namespace omcp_r::tools
