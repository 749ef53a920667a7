#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace omcp_r::e2e {

using namespace std::chrono_literals;

/// What sanitizers cost: limits on the time of the server itself are multiplied by it.
int time_factor();

/// The folder with the snippets of the console corpus.
std::filesystem::path corpus_folder();

/// The version that the project gives itself.
std::string_view project_version();

std::string environment_or(const char* name, std::string_view fallback);

/// Polls until `condition` holds; false once `limit` has passed.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 10s);

std::string base64_encode(std::string_view bytes);
std::string base64_decode(std::string_view text);

/// Width and height by the header; {0, 0} for bytes that are no PNG.
std::pair<int, int> png_size(std::string_view bytes);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view bytes);

bool contains(std::string_view text, std::string_view part);
std::string trimmed(std::string text);
std::string replaced(std::string text, std::string_view from, std::string_view to);

/// A folder of its own, removed with this object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace omcp_r::e2e
