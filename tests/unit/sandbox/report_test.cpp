#include "omcp_r/sandbox/report.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

namespace {

/// Calls of operator new in this program: work that is counted, not timed.
std::size_t allocations = 0;

}  // namespace

// Inlined, the pair would look mismatched to the compiler.
__attribute__((noinline)) void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  return memory != nullptr ? memory : throw std::bad_alloc{};
}
__attribute__((noinline)) void operator delete(void* memory) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace omcp_r::sandbox {
namespace {

/// `fields` with the one that every report has.
std::string report_with(const std::string& fields) {
  return R"({"status": "ok", )" + fields + "}";
}

std::string repeated(const std::string& item, std::size_t count) {
  std::string list = "[";
  for (std::size_t i = 0; i < count; ++i) {
    list += (i == 0 ? "" : ",") + item;
  }
  return list + "]";
}

TEST(Report, IsReadAsTheWorkerWritesIt) {
  const auto report = parse_report(R"json({
    "status": "error", "seconds": 1.25, "pages": 3, "plots_as_files": 2,
    "error": {"message": "no luck", "call": "f(x)", "class": ["simpleError", "error"],
              "traceback": ["g()", "f(x)"], "line": 2, "column": 5},
    "warnings": [{"message": "careful", "call": null}],
    "files": [{"path": "d/\u00fcbung 1.txt", "size": 7}], "files_left_out": 4,
    "left_running": [{"pid": 42, "command": "sleep 100"}], "left_running_count": 9,
    "notes": ["a remark"]
})json");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, RunStatus::kError);
  EXPECT_EQ(report->seconds, 1.25);
  EXPECT_EQ(report->pages, 3U);
  EXPECT_EQ(report->plots_as_files, 2U);
  ASSERT_TRUE(report->error);
  EXPECT_EQ(report->error->message, "no luck");
  EXPECT_EQ(report->error->call, "f(x)");
  EXPECT_EQ(report->error->classes.size(), 2U);
  EXPECT_EQ(report->error->traceback.at(1), "f(x)");
  EXPECT_EQ(report->error->line, 2);
  EXPECT_EQ(report->error->column, 5);
  ASSERT_EQ(report->warnings.size(), 1U);
  EXPECT_EQ(report->warnings[0].call, "");
  ASSERT_EQ(report->files.size(), 1U);
  EXPECT_EQ(report->files[0].path,
            "d/\xC3\xBC"
            "bung 1.txt");
  EXPECT_EQ(report->files[0].size, 7U);
  EXPECT_EQ(report->files_left_out, 4U);
  ASSERT_EQ(report->left_running.size(), 1U);
  EXPECT_EQ(report->left_running[0].pid, 42);
  EXPECT_EQ(report->left_running[0].command, "sleep 100");
  EXPECT_EQ(report->left_running_count, 9U);
  EXPECT_EQ(report->notes, std::vector<std::string>{"a remark"});
  EXPECT_FALSE(report->incomplete);
}

TEST(Report, HasTheValueAndItsTable) {
  const auto report = parse_report(report_with(R"("value": {
    "class": ["data.frame"], "dim": [2, 3], "length": 1e+05, "summary": "a table",
    "table": {"columns": [{"name": "n", "class": "numeric"}, {"name": "s", "class": "character"}],
              "nrow": 2, "ncol": 3, "rows": [[1.5, "a"], [null, true], [-7, 18446744073709551615]],
              "truncated": true}})"));
  ASSERT_TRUE(report && report->value && report->value->table);
  EXPECT_EQ(report->value->classes, std::vector<std::string>{"data.frame"});
  EXPECT_EQ(report->value->dim, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(report->value->length, 100'000U);
  EXPECT_EQ(report->value->summary, "a table");
  const Table& table = *report->value->table;
  EXPECT_EQ(table.columns.at(1).name, "s");
  EXPECT_EQ(table.columns.at(1).type, "character");
  EXPECT_EQ(table.nrow, 2U);
  EXPECT_EQ(table.ncol, 3U);
  EXPECT_TRUE(table.truncated);
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0], (std::vector<Cell>{1.5, std::string{"a"}}));
  EXPECT_EQ(table.rows[1], (std::vector<Cell>{std::monostate{}, true}));
  EXPECT_EQ(table.rows[2], (std::vector<Cell>{std::int64_t{-7}, 18446744073709551615.0}));
  EXPECT_FALSE(report->incomplete);
}

struct Unreadable {
  const char* name;
  std::string bytes;
};
void PrintTo(const Unreadable& row, std::ostream* out) {
  *out << row.name;
}
class NoReport : public testing::TestWithParam<Unreadable> {};

TEST_P(NoReport, IsNotRead) {
  EXPECT_FALSE(parse_report(GetParam().bytes));
}

INSTANTIATE_TEST_SUITE_P(
    Report, NoReport,
    testing::Values(
        Unreadable{"empty", ""}, Unreadable{"null", "null"}, Unreadable{"number", "5"},
        Unreadable{"array", "[]"}, Unreadable{"array_of_reports", R"([{"status": "ok"}])"},
        Unreadable{"no_status", "{}"}, Unreadable{"status_is_a_number", R"({"status": 7})"},
        Unreadable{"unknown_status", R"({"status": "splendid"})"},
        Unreadable{"cut_off", R"({"status": "ok")"},
        Unreadable{"trailing", R"({"status": "ok"} x)"},
        Unreadable{"nan", R"({"status": "ok", "seconds": NaN})"},
        Unreadable{"infinite", R"({"status": "ok", "seconds": 1e999})"},
        Unreadable{"half_a_surrogate", R"({"status": "ok", "notes": ["\ud800"]})"},
        Unreadable{"depth_9", report_with("\"x\": [[[[[[[[]]]]]]]]")},
        Unreadable{"deep", std::string(200'000, '[')},
        Unreadable{"values_20001", report_with("\"x\": " + repeated("1", 19'999))},
        Unreadable{"bytes_300000", report_with("\"x\": \"" + std::string(300'000, 'x') + "\"")},
        Unreadable{"objects_80000", report_with("\"files\": " + repeated("{}", 80'000))}),
    [](const auto& row) { return row.param.name; });

TEST(Report, IsReadUpToItsLimits) {
  EXPECT_TRUE(parse_report(report_with("\"x\": [[[[[[[]]]]]]]"))) << "depth 8";
  EXPECT_TRUE(parse_report(report_with("\"x\": " + repeated("1", 19'997)))) << "20,000 values";
}

struct Dropped {
  const char* name;
  const char* fields;
};
void PrintTo(const Dropped& row, std::ostream* out) {
  *out << row.name;
}
class WrongParts : public testing::TestWithParam<Dropped> {};

/// What any of the rows would have left behind, had it been taken.
bool says_nothing(const Report& report) {
  const bool blank_error = !report.error || (report.error->message.empty() &&
                                             report.error->classes.empty() && !report.error->line);
  const bool blank_value = !report.value || (report.value->dim.empty() && !report.value->length &&
                                             report.value->summary.empty());
  const bool blank_table =
      !report.value || !report.value->table || report.value->table->rows.empty();
  return blank_error && blank_value && blank_table && report.seconds == 0 && report.pages == 0 &&
         report.files.empty() && report.warnings.empty() && report.left_running.empty() &&
         report.notes.empty();
}

TEST_P(WrongParts, AreDroppedAndThatIsSaid) {
  const auto report = parse_report(report_with(GetParam().fields));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->incomplete);
  EXPECT_TRUE(says_nothing(*report));
}

INSTANTIATE_TEST_SUITE_P(
    Report, WrongParts,
    testing::Values(
        Dropped{"message_is_a_number", R"("error": {"message": 5})"},
        Dropped{"message_is_an_object", R"("error": {"message": {"a": "b"}})"},
        Dropped{"error_is_an_array", R"("error": ["message"])"},
        Dropped{"error_is_a_text", R"("error": "message")"},
        Dropped{"classes_are_a_text", R"("error": {"class": "error"})"},
        Dropped{"classes_are_numbers", R"("error": {"class": [1, 2]})"},
        Dropped{"line_is_negative", R"("error": {"line": -1})"},
        Dropped{"line_is_enormous", R"("error": {"line": 4294967296})"},
        Dropped{"warnings_are_a_number", R"("warnings": 5)"},
        Dropped{"warnings_are_an_object", R"("warnings": {"message": "w"})"},
        Dropped{"warnings_are_arrays", R"("warnings": [["w"], 1, "w"])"},
        Dropped{"pages_1e18", R"("pages": 1e18)"},
        Dropped{"pages_of_20_digits", R"("pages": 99999999999999999999)"},
        Dropped{"pages_are_negative", R"("pages": -1)"},
        Dropped{"pages_are_broken", R"("pages": 1.5)"},
        Dropped{"pages_are_a_text", R"("pages": "3")"},
        Dropped{"pages_are_true", R"("pages": true)"},
        Dropped{"seconds_are_negative", R"("seconds": -3)"},
        Dropped{"seconds_are_a_text", R"("seconds": "3")"},
        Dropped{"value_is_an_array", R"("value": [1])"},
        Dropped{"dim_is_negative", R"("value": {"dim": [-1, "x", 1e300, 0.5]})"},
        Dropped{"length_is_an_array", R"("value": {"length": [1]})"},
        Dropped{"table_is_an_array", R"("value": {"table": []})"},
        Dropped{
            "rows_of_wrong_length",
            R"("value": {"table": {"columns": [{"name": "a"}], "rows": [[], [1, 2], 3, {"a": 1}]}})"},
        Dropped{"files_are_an_object", R"("files": {"path": "a"})"},
        Dropped{"file_is_a_text", R"("files": ["a", 1, [], null])"},
        Dropped{"path_is_a_number", R"("files": [{"path": 5, "size": 1}])"},
        Dropped{"path_is_absolute", R"("files": [{"path": "/etc/passwd", "size": 1}])"},
        Dropped{"path_goes_up", R"("files": [{"path": "a/../../b"}, {"path": ".."}])"},
        Dropped{"path_is_empty", R"("files": [{"path": ""}, {"path": "a//b"}, {"path": "."}])"},
        Dropped{"path_has_a_newline", R"("files": [{"path": "a\nb"}, {"path": "a\u0000b"}])"},
        Dropped{"path_has_an_escape", R"("files": [{"path": "\u001b[2J"}, {"path": "\u009bx"}])"},
        Dropped{"path_turns_the_writing", R"("files": [{"path": "a\u202efdp.exe"}])"},
        Dropped{"pid_is_0", R"("left_running": [{"pid": 0, "command": "init"}])"},
        Dropped{"pid_is_missing", R"("left_running": [{"command": "x"}, {"pid": -1}, 3])"},
        Dropped{"notes_are_a_text", R"("notes": "a remark")"},
        Dropped{"notes_are_objects", R"("notes": [{"a": "remark"}])"}),
    [](const auto& row) { return row.param.name; });

TEST(Report, AFileOfNoSoundSizeHasNone) {
  const auto report = parse_report(
      report_with(R"("files": [{"path": "a", "size": -5}, {"path": "b", "size": 1e18}])"));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->files.size(), 2U);
  EXPECT_EQ(report->files[0].size + report->files[1].size, 0U);
  EXPECT_TRUE(report->incomplete);
}

TEST(Report, LeavesOutWhatIsOverItsLimitsAndCountsFiles) {
  const auto report = parse_report(report_with(
      "\"warnings\": " + repeated(R"({"message": "w"})", 150) +
      ", \"files\": " + repeated(R"({"path": "a"})", 1'200) + ", \"files_left_out\": 3"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->warnings.size(), 100U);
  EXPECT_EQ(report->files.size(), 1'000U);
  EXPECT_EQ(report->files_left_out, 203U);
  EXPECT_TRUE(report->incomplete);
}

TEST(Report, TextsAreCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 5'000; ++i) {
    text += "\xE4\xB8\x96";
  }
  const auto report = parse_report(report_with("\"notes\": [\"" + text + "\"]"));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->incomplete);
  EXPECT_EQ(report->notes.at(0), text.substr(0, 8'998));
}

TEST(Report, TextsAreValidUtf8WithoutControlCharacters) {
  const auto report =
      parse_report(report_with("\"notes\": [\"a\xFF"
                               "b\", \"c\\u0000d\\u001b[1m\\n\\t\\r\\u007f\\u0085e\"]"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->notes.at(0),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(report->notes.at(1),
            "c\xEF\xBF\xBD"
            "d\n\te");
  EXPECT_FALSE(report->incomplete);
}

TEST(Report, CommandsAreOneLine) {
  const auto report =
      parse_report(report_with(R"("left_running": [{"pid": 7, "command": "a\nb\u202ec"}])"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->left_running.at(0).command, "a?b?c");
  EXPECT_EQ(report->left_running_count, 1U);
}

TEST(Report, OfKeysThatComeTwiceTheLastCounts) {
  const auto report =
      parse_report(R"({"status": "ok", "pages": 1, "pages": 2, "status": "error"})");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, RunStatus::kError);
  EXPECT_EQ(report->pages, 2U);
}

TEST(Report, NullIsAbsent) {
  const auto report = parse_report(report_with(
      R"("error": null, "warnings": null, "value": null, "files": null, "pages": null)"));
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->error);
  EXPECT_FALSE(report->incomplete);
}

/// Calls of operator new that reading takes, whatever comes of it.
std::size_t cost(const std::string& bytes) {
  const std::size_t before = allocations;
  const auto report = parse_report(bytes);
  return allocations - before;
}

TEST(Report, TwiceTheInputCostsAtMostTwoAndAHalfTimesTheWork) {
  for (const char* item :
       {"{}", "1", "[]", R"({"a": {"b": [1, 2]}})", R"({"path": "a", "size": 1})",
        R"({"message": "w", "class": ["a", "b"]})"}) {
    const std::string once = repeated(item, 400);
    const std::string twice = repeated(item, 800);
    const auto small = measure_json(once, 20'000, 8);
    const auto large = measure_json(twice, 20'000, 8);
    ASSERT_TRUE(small && large);
    EXPECT_LE(large->values * 2, small->values * 5) << item;
    for (const char* key : {"\"files\": ", "\"warnings\": ", "\"notes\": ", "\"x\": "}) {
      EXPECT_LE(cost(report_with(key + twice)) * 2, cost(report_with(key + once)) * 5)
          << key << item;
    }
  }
}

TEST(Report, WhatIsOverALimitCostsNoMoreThanTheLimit) {
  const std::size_t dear = cost(report_with("\"x\": " + repeated("[]", 20'100)));
  EXPECT_LE(cost(report_with("\"x\": " + repeated("[]", 80'000))), dear + 10);
  EXPECT_LT(dear, 1'000U) << "nothing is built before all of it was counted";
  const std::string numbers = repeated("1234567", 3'000'000);
  EXPECT_EQ(cost(numbers), 0U) << numbers.size() << " bytes are refused by their number";
}

TEST(MeasureJson, CountsValuesAndDepth) {
  const auto extent = measure_json(R"({"a": [1, {"b": null}], "c": "d"})", 6, 3);
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->values, 6U);
  EXPECT_EQ(extent->depth, 3);
  EXPECT_FALSE(measure_json(R"({"a": [1, {"b": null}], "c": "d"})", 5, 3));
  EXPECT_FALSE(measure_json(R"({"a": [1, {"b": null}], "c": "d"})", 6, 2));
  EXPECT_EQ(measure_json("1", 1, 0)->depth, 0);
}

TEST(Condition, IsReadAlone) {
  const auto warning = parse_condition(R"json({"message": "careful", "call": "f()"})json");
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->message, "careful");
  EXPECT_EQ(warning->call, "f()");
  for (const char* none : {"", "null", "[]", "\"careful\"", "{"}) {
    EXPECT_FALSE(parse_condition(none)) << none;
  }
}

TEST(Files, AreThoseWithSoundPaths) {
  const auto files =
      parse_files(R"([{"path": "a", "size": 1}, {"path": "/b", "size": 1}, 7, {"path": "c/d"}])");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "a");
  EXPECT_EQ(files[1].path, "c/d");
  for (const char* none : {"", "null", "{}", R"({"path": "a"})", "[", "[[[[[[[[[[]]]]]]]]]]"}) {
    EXPECT_TRUE(parse_files(none).empty()) << none;
  }
  EXPECT_EQ(parse_files(repeated(R"({"path": "a"})", 5'000)).size(), 1'000U);
  EXPECT_TRUE(parse_files(repeated(R"({"path": "a"})", 20'000)).empty()) << "over the bytes";
}

TEST(Greeting, IsReadWithItsRanges) {
  const auto greeting =
      parse_greeting(R"({"r_version": "4.2.2", "executions": 3, "given": true, "idle": 300})");
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->r_version, "4.2.2");
  EXPECT_EQ(greeting->executions, 3U);
  EXPECT_TRUE(greeting->given);
  EXPECT_EQ(greeting->idle, 300);
  const auto odd =
      parse_greeting(R"({"r_version": "4\n2", "executions": -1, "given": 1, "idle": 1e18})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->r_version, "4?2");
  EXPECT_EQ(odd->executions, 0U);
  EXPECT_FALSE(odd->given);
  EXPECT_FALSE(odd->idle);
  EXPECT_TRUE(parse_greeting("{}"));
  for (const std::string& none : {std::string{}, std::string{"null"}, std::string{"[]"},
                                  "{\"r_version\": \"" + std::string(5'000, '4') + "\"}"}) {
    EXPECT_FALSE(parse_greeting(none));
  }
}

TEST(Session, IsReadWithAllItsCode) {
  const std::string long_code(200'000, 'x');
  const auto facts =
      parse_session(R"({"r_version": "R version 4.2.2", "platform": "x86_64",
    "locale": "C.UTF-8", "timezone": "UTC", "rng": "Mersenne-Twister", "seed": "-17",
    "code": ["x <- 1\n\ty", 5, ")" +
                    long_code + R"("], "failed": [false, true, true, true], "code_dropped": 2})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->r_version, "R version 4.2.2");
  EXPECT_EQ(facts->platform, "x86_64");
  EXPECT_EQ(facts->locale, "C.UTF-8");
  EXPECT_EQ(facts->timezone, "UTC");
  EXPECT_EQ(facts->rng, "Mersenne-Twister");
  EXPECT_EQ(facts->seed, "-17");
  EXPECT_EQ(facts->code, (std::vector<std::string>{"x <- 1\n\ty", long_code}));
  EXPECT_EQ(facts->failed, (std::vector<bool>{false, true})) << "of the same pieces";
  EXPECT_EQ(facts->code_dropped, 2U);
}

TEST(Session, WhatIsNotSaidToHaveFailedHasNot) {
  for (const char* failed : {"", R"(, "failed": "x")", R"(, "failed": [1, "true"])"}) {
    const auto facts = parse_session(std::string{R"({"code": ["a", "b"])"} + failed + "}");
    ASSERT_TRUE(facts) << failed;
    EXPECT_EQ(facts->failed, (std::vector<bool>{false, false})) << failed;
  }
}

TEST(Session, ItsFactsAreLinesAndItsSeedIsANumber) {
  const auto facts = parse_session(
      R"json({"platform": "x\nsystem('evil')", "rng": [], "seed": "1); evil(", "code": {}})json");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->platform, "x?system('evil')");
  EXPECT_EQ(facts->rng, "");
  EXPECT_EQ(facts->seed, "");
  EXPECT_TRUE(facts->code.empty());
}

TEST(Session, IsBounded) {
  EXPECT_TRUE(parse_session("{\"code\": " + repeated("\"x\"", 99'000) + "}"));
  EXPECT_FALSE(parse_session("{\"code\": " + repeated("\"x\"", 100'001) + "}"));
  EXPECT_FALSE(parse_session("{\"code\": [\"" + std::string(std::size_t{4} << 20, 'x') + "\"]}"));
  EXPECT_FALSE(parse_session("[]"));
  EXPECT_FALSE(parse_session(""));
}

TEST(Completions, ArePlainWords) {
  const auto found = parse_completions(
      R"({"token": "al", "words": ["alpha", "al\u001b]0;x", "al\nq(1", "", 7, "?al"], "count": 9})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->token, "al");
  EXPECT_EQ(found->words, (std::vector<std::string>{"alpha", "?al"}));
  EXPECT_EQ(found->count, 9U);
  EXPECT_TRUE(parse_completions("{}")->words.empty());
  EXPECT_FALSE(parse_completions("[]"));
  EXPECT_FALSE(parse_completions(""));
}

}  // namespace
}  // namespace omcp_r::sandbox
