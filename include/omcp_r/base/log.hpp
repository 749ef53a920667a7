#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "omcp_r/base/result.hpp"

/// Logging to stderr, as text or as JSON lines, and the audit log. stdout is never touched.
///
/// A log call never blocks, throws or ends the program: a line that stderr would not take at once
/// is dropped, and the next line that gets through is preceded by the number of lost ones.
///
/// User code and its output belong in debug() only; that is the caller's duty.
///
///   log::info("sandbox created", {{"sandbox", id}, {"image", image}, {"ms", elapsed}});
namespace omcp_r::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

/// A name and a value beside the message. Refers to its text: make it in the call.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;

  Field(std::string_view field_name, std::convertible_to<std::string_view> auto const& text)
      : name(field_name), value(std::string_view(text)) {}
  Field(std::string_view field_name, std::integral auto number)
      : name(field_name), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view field_name, std::floating_point auto number)
      : name(field_name), value(static_cast<double>(number)) {}
  Field(std::string_view field_name, bool flag) : name(field_name), value(flag) {}

  std::string_view name;
  Value value;
};
using Fields = std::initializer_list<Field>;

/// Sets level and format, and opens `audit_file` for appending ("" is none; a new one is made with
/// mode 0600; an error completes "it must be"). Before it is called, lines go to stderr as text
/// from level info on.
Status init(Level level, Format format, const std::string& audit_file = "");

/// Whether a line of this level would be written: for fields that are dear to make.
bool enabled(Level level);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warning(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

/// Appends one line {"time", "event", fields…} to the audit log, where one is configured.
void audit(std::string_view event, Fields fields = {});

}  // namespace omcp_r::log
