#pragma once

#include <string>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"

namespace omcp_r::commands {

/// Those of `ids` that begin with `word`; of an empty word none.
std::vector<std::string> begun_by(const std::string& word, const std::vector<std::string>& ids);

/// The id of the one sandbox that a person means by it, or by how it begins. That of one that is in
/// no list is taken as it is: it may have ended.
Result<std::string> sandbox_meant(const std::string& word,
                                  const std::vector<sandbox::SandboxView>& views);

/// Says that `word` begins the ids of several.
Error ambiguous(const std::string& word, std::size_t several);

}  // namespace omcp_r::commands
