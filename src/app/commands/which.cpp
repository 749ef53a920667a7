#include "commands/which.hpp"

#include "omcp_r/app/values.hpp"
#include "omcp_r/sandbox/state.hpp"

namespace omcp_r::commands {

std::vector<std::string> begun_by(const std::string& word, const std::vector<std::string>& ids) {
  std::vector<std::string> found;
  for (const std::string& id : ids) {
    if (!word.empty() && id.starts_with(word)) found.push_back(id);
  }
  return found;
}

Error ambiguous(const std::string& word, std::size_t several) {
  return {Errc::kInvalidArgument, app::shown(word) + " begins the ids of " +
                                      std::to_string(several) + " sandboxes: give more of it"};
}

Result<std::string> sandbox_meant(const std::string& word,
                                  const std::vector<sandbox::SandboxView>& views) {
  std::vector<std::string> all;
  all.reserve(views.size());
  for (const sandbox::SandboxView& view : views) all.push_back(view.id);
  const std::vector<std::string> ids = begun_by(word, all);
  if (ids.empty() && sandbox::is_sandbox_id(word)) return word;
  if (ids.size() == 1) return ids.front();
  if (!ids.empty()) return ambiguous(word, ids.size());
  return Error{Errc::kNotFound, "there is no sandbox " + app::shown(word) +
                                    "; omcp-r-sandbox list shows those "
                                    "that are"};
}

}  // namespace omcp_r::commands
