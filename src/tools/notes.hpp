#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "omcp_r/sandbox/execution.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {

/// Of all notes of a result, in bytes on the wire, each time that they stand there.
inline constexpr std::size_t kNoteBytes = 16'000;

/// "a, b and 3 more": the names, and how many of `all` they are not; "5 in all" without names.
std::string named(const std::vector<std::string>& names, std::uint64_t all);

/// The pages that the code drew, shown or not.
std::size_t pages_of(const sandbox::Execution& execution);

/// What a result says beside output and value: each note is one line, and all of them are bounded.
/// `plots_shown` of the pages are in the result, and `files_shown` of the files.
std::vector<std::string> notes_of(const sandbox::Execution& execution, const CallFacts& facts,
                                  std::size_t plots_shown, std::size_t files_shown);

}  // namespace omcp_r::tools
