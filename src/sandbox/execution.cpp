#include "omcp_r/sandbox/execution.hpp"

#include "omcp_r/sandbox/kept_results.hpp"

namespace omcp_r::sandbox {
namespace {

constexpr std::size_t kTextBytes = 64;  ///< of a text, besides its characters

std::size_t held_by(const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += kTextBytes + text.size();
  }
  return bytes;
}

std::size_t held_by(const Condition& condition) {
  return kTextBytes + condition.message.size() + condition.call.size() +
         held_by(condition.classes) + held_by(condition.traceback);
}

/// What a report takes, roughly and rather too much.
std::size_t held_by(const Report& report) {
  std::size_t bytes = sizeof report + (report.error ? held_by(*report.error) : 0);
  for (const Condition& warning : report.warnings) {
    bytes += held_by(warning);
  }
  for (const FileEntry& file : report.files) {
    bytes += kTextBytes + file.path.size();
  }
  if (report.value && report.value->table) {
    for (const std::vector<Cell>& row : report.value->table->rows) {
      bytes += row.size() * kTextBytes;
    }
  }
  return bytes + held_by(report.notes);
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kError:
      return "error";
    case Outcome::kInterrupted:
      return "interrupted";
    case Outcome::kTimedOut:
      return "timed_out";
    case Outcome::kOutputLimit:
      return "output_limit";
    case Outcome::kQuit:
      return "quit";
    case Outcome::kCrashed:
      return "crashed";
    case Outcome::kSandboxEnded:
      return "sandbox_ended";
    case Outcome::kEngineLost:
      return "engine_lost";
    case Outcome::kUnknown:
      break;
  }
  return "unknown";
}

std::size_t Execution::held() const {
  std::size_t bytes = transcript.held() + (report ? held_by(*report) : 0);
  for (const Condition& warning : warnings) {
    bytes += kTextBytes + warning.message.size() + warning.call.size();
  }
  for (const Plot& plot : plots) {
    bytes += sizeof plot + plot.bytes.size();
  }
  return bytes;
}

void KeptResults::keep(const ExecutionPtr& execution) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool gone = entry->execution.expired();
    held_ -= gone ? entry->bytes : 0;
    entry = gone ? entries_.erase(entry) : entry + 1;
  }
  entries_.push_back({execution, execution->held()});
  held_ += entries_.back().bytes;
  for (auto entry = entries_.begin(); held_ > kBudget && entry != entries_.end();) {
    const ExecutionPtr oldest = entry->execution.lock();
    // This line holds it, and its sandbox may; anybody else is just answering with it.
    const long holders = oldest && oldest->recent ? 2 : 1;
    if (oldest == execution || (oldest && oldest.use_count() > holders)) {
      ++entry;
      continue;
    }
    if (oldest) {
      oldest->transcript.let_go();
      std::vector<Plot>{}.swap(oldest->plots);
      std::vector<Condition>{}.swap(oldest->warnings);
      oldest->report.reset();
      oldest->let_go = true;
    }
    held_ -= entry->bytes;
    entry = entries_.erase(entry);
  }
}

}  // namespace omcp_r::sandbox
