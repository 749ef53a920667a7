// What the worker of a sandbox reports: user code can forge all of it.

#include "omcp_r/sandbox/report.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "omcp_r/base/text.hpp"

namespace {

using namespace omcp_r;
using namespace omcp_r::sandbox;

constexpr std::uint64_t kMostCount = std::uint64_t{1} << 53U;

void check_text(const std::string& text) {
  FUZZ_CHECK(text.size() <= ReportLimits{}.text);
  FUZZ_CHECK(to_valid_utf8(text) == text);
  FUZZ_CHECK(std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
  }));
}

void check_texts(const std::vector<std::string>& texts) {
  FUZZ_CHECK(texts.size() <= ReportLimits{}.list);
  std::for_each(texts.begin(), texts.end(), check_text);
}

void check_condition(const Condition& condition) {
  check_text(condition.message);
  check_text(condition.call);
  check_texts(condition.classes);
  check_texts(condition.traceback);
  FUZZ_CHECK(condition.line.value_or(1) > 0 && condition.column.value_or(1) > 0);
}

void check_files(const std::vector<FileEntry>& files) {
  FUZZ_CHECK(files.size() <= ReportLimits{}.files);
  for (const FileEntry& file : files) {
    FUZZ_CHECK(is_plain_path(file.path) && file.size <= kMostCount);
  }
}

void check_value(const Value& value) {
  check_texts(value.classes);
  check_text(value.summary);
  FUZZ_CHECK(value.length.value_or(0) <= kMostCount);
  if (!value.table) {
    return;
  }
  FUZZ_CHECK(value.table->columns.size() <= ReportLimits{}.list);
  for (const auto& row : value.table->rows) {
    FUZZ_CHECK(row.size() == value.table->columns.size());
  }
}

void check_report(const Report& report) {
  FUZZ_CHECK(report.seconds >= 0 && report.pages <= kMostCount);
  if (report.error) {
    check_condition(*report.error);
  }
  FUZZ_CHECK(report.warnings.size() <= ReportLimits{}.warnings);
  std::for_each(report.warnings.begin(), report.warnings.end(), check_condition);
  if (report.value) {
    check_value(*report.value);
  }
  check_files(report.files);
  check_texts(report.notes);
  for (const LeftProcess& process : report.left_running) {
    FUZZ_CHECK(process.pid > 0);
    check_text(process.command);
  }
  FUZZ_CHECK(report.left_running_count >= report.left_running.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (const auto report = parse_report(bytes)) {
    check_report(*report);
  }
  if (const auto condition = parse_condition(bytes)) {
    check_condition(*condition);
  }
  check_files(parse_files(bytes));
  if (const auto greeting = parse_greeting(bytes)) {
    FUZZ_CHECK(greeting->r_version == printable(greeting->r_version, 3 * size));
    FUZZ_CHECK(greeting->idle.value_or(0) >= 0);
  }
  if (const auto facts = parse_session(bytes)) {
    FUZZ_CHECK(facts->platform == printable(facts->platform, 3 * size));
    FUZZ_CHECK(facts->seed.find_first_not_of("-0123456789") == std::string::npos);
  }
  return 0;
}
