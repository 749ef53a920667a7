#pragma once

#include <optional>
#include <string_view>

namespace omcp_r::mcp {

/// The levels of MCP's log notifications (those of syslog, RFC 5424), least severe first.
enum class LogLevel { kDebug, kInfo, kNotice, kWarning, kError, kCritical, kAlert, kEmergency };

std::string_view log_level_name(LogLevel level);

/// Nothing if there is no level of that name.
std::optional<LogLevel> find_log_level(std::string_view name);

}  // namespace omcp_r::mcp
