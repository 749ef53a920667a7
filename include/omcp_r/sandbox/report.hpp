#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omcp_r::sandbox {

/// A warning or an error as R told it.
struct Condition {
  std::string message;
  std::string call;  ///< "" where there was none
  std::vector<std::string> classes;
  std::vector<std::string> traceback;  ///< calls, innermost last
  std::optional<int> line;             ///< in the code of the request, from 1
  std::optional<int> column;
};

/// One value in a table: missing, or of a plain type.
using Cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

/// The beginning of a data frame.
struct Table {
  struct Column {
    std::string name;
    std::string type;  ///< the column's first class
  };
  std::vector<Column> columns;
  std::uint64_t nrow = 0;
  std::uint64_t ncol = 0;
  std::vector<std::vector<Cell>> rows;  ///< each as long as `columns`
  bool truncated = false;
};

/// What autoprinting showed last.
struct Value {
  std::vector<std::string> classes;
  std::vector<std::uint64_t> dim;
  std::optional<std::uint64_t> length;
  std::string summary;
  std::optional<Table> table;
};

/// A file below /sandbox.
struct FileEntry {
  std::string path;  ///< relative, valid UTF-8, without control characters, "." and ".."
  std::uint64_t size = 0;
};

/// A process that the run left behind.
struct LeftProcess {
  int pid = 0;
  std::string command;
};

/// How the worker says that a run ended.
enum class RunStatus { kOk, kError, kInterrupted, kQuit, kCrashed };

/// What the worker told of a run. User code can forge it, so it is read with bounds on bytes,
/// depth, number of values and the length of every text; what does not fit is left out and
/// `incomplete`.
struct Report {
  RunStatus status = RunStatus::kOk;
  double seconds = 0;  ///< of R's own clock
  std::optional<Condition> error;
  std::vector<Condition> warnings;
  std::optional<Value> value;
  std::vector<FileEntry> files;
  std::uint64_t files_left_out = 0;  ///< more files were made or changed than are listed
  std::uint64_t pages = 0;           ///< drawn, shown or not
  std::uint64_t plots_as_files = 0;  ///< written to /sandbox since they did not fit
  std::vector<LeftProcess> left_running;
  std::uint64_t left_running_count = 0;  ///< all of them, listed or not
  std::vector<std::string> notes;        ///< remarks of the worker for the caller
  bool incomplete = false;
};

/// Bounds of what is read. A report beyond the first three is dropped whole.
struct ReportLimits {
  std::size_t bytes = std::size_t{256} << 10;
  std::size_t values = 20'000;
  int depth = 8;
  std::size_t text = 9'000;  ///< of one text, in bytes; a longer one is cut
  std::size_t warnings = 100;
  std::size_t files = 1'000;
  std::size_t list = 100;  ///< of classes, traceback, processes, columns, rows
};

/// What a JSON text holds, found out without building it.
struct JsonExtent {
  std::size_t values = 0;
  int depth = 0;  ///< 0 for a value that holds no others
};
/// nullopt for what is not JSON and for what exceeds a limit, where the reading stops at once.
std::optional<JsonExtent> measure_json(std::string_view text, std::size_t max_values,
                                       int max_depth);

/// Reads a report; nullopt for what is not one, such as what does not say how the run ended. Linear
/// in the bytes, and no more work than the limits allow. Like all that are below, it never throws.
std::optional<Report> parse_report(std::string_view bytes, const ReportLimits& limits = {});

/// Reads a single condition, as the worker sends each warning when it happens.
std::optional<Condition> parse_condition(std::string_view bytes, const ReportLimits& limits = {});

/// Reads the worker's list of files.
std::vector<FileEntry> parse_files(std::string_view bytes, const ReportLimits& limits = {});

/// What R said when it was greeted.
struct Greeting {
  std::string r_version;
  std::string platform;  ///< that R was built for, as R names it; "" where it is not told
  std::uint64_t executions = 0;
  bool given = false;                ///< this spare has been given out
  std::uint64_t session = 0;         ///< which R it is; another one after each start
  std::optional<std::int64_t> idle;  ///< the idle timeout in force, seconds
};
std::optional<Greeting> parse_greeting(std::string_view bytes);

/// What the session tells of itself, for its script.
struct SessionFacts {
  std::string r_version, platform, locale, timezone, rng, seed;
  std::vector<std::string> code;   ///< what was run, in order
  std::vector<bool> failed;        ///< of each piece of code, whether it ended with an error
  std::uint64_t code_dropped = 0;  ///< the oldest of it, which the worker did not keep
};
/// A session's code may be long: up to 4 MiB and 100,000 values are read. Every fact is one line,
/// and the seed a whole number.
std::optional<SessionFacts> parse_session(std::string_view bytes);

/// What a sandbox has to work with.
struct Surroundings {
  std::vector<std::string> packages;  ///< beyond R's own; or all, each with its version
  std::vector<std::string> data;      ///< the first names in /data, folders with a slash
  std::uint64_t data_count = 0;       ///< of all that is there
};
std::optional<Surroundings> parse_surroundings(std::string_view bytes);

/// The variables of a session, each in texts of one line.
struct Objects {
  struct Object {
    std::string name, classes;
    std::string dim;          ///< "150 x 5"; "" where it has none
    std::string line;         ///< what it is, in short
    std::uint64_t bytes = 0;  ///< 0 where that would take long to say
  };
  std::vector<Object> objects;
  std::uint64_t left_out = 0;  ///< further ones
};
std::optional<Objects> parse_objects(std::string_view bytes);

/// What R makes of lines of code, the last of which may not be the last to come.
struct Reading {
  bool nothing = false;   ///< there is nothing to run in them
  std::size_t lines = 0;  ///< that it would read before it ran the first of them; 0: it reads on
};

/// What may stand in place of the word that a line ends with. Words that are not plain are left
/// out.
struct Completions {
  std::string token;               ///< that word
  std::vector<std::string> words;  ///< the first of them
  std::uint64_t count = 0;         ///< of all
};
std::optional<Completions> parse_completions(std::string_view bytes);

}  // namespace omcp_r::sandbox
