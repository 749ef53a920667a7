#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/mcp/tool.hpp"

namespace omcp_r::tools {

using mcp::Json;

/// Reads a call's arguments one by one and remembers the first thing that is wrong. Numbers and
/// booleans may come as strings ("30", "true"): a well-known host sends them so. null counts as
/// absent.
class ArgumentReader {
 public:
  explicit ArgumentReader(const Json& arguments) : arguments_(arguments) {}

  std::optional<std::string> text(const char* name);
  std::string required_text(const char* name);
  std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most);
  std::optional<double> number(const char* name, double least, double most);
  bool flag(const char* name, bool otherwise);
  /// The value as it came, for what has a shape of its own.
  const Json* raw(const char* name);

  void fail(std::string message);
  /// What was wrong first, or an argument that nobody asked for.
  Status finish();

 private:
  const Json& arguments_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace omcp_r::tools
