#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {

std::string mime_type_of(const std::string& path) {
  static const std::map<std::string, std::string> kTypes{
      {"csv", "text/csv"},
      {"tsv", "text/tab-separated-values"},
      {"txt", "text/plain"},
      {"log", "text/plain"},
      {"r", "text/x-r"},
      {"rmd", "text/markdown"},
      {"md", "text/markdown"},
      {"html", "text/html"},
      {"json", "application/json"},
      {"xml", "application/xml"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"jpeg", "image/jpeg"},
      {"svg", "image/svg+xml"},
      {"pdf", "application/pdf"},
      {"tex", "text/x-tex"},
      {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"zip", "application/zip"},
      {"gz", "application/gzip"}};
  const auto dot = path.rfind('.');
  std::string ending = dot == std::string::npos ? "" : path.substr(dot + 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto it = kTypes.find(ending);
  return it == kTypes.end() ? "application/octet-stream" : it->second;
}

std::string percent_encode(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view{"-._~/"}.find(c) != std::string_view::npos) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[byte >> 4U];
      uri += kHex[byte & 15U];
    }
  }
  return uri;
}

bool is_own_resource(const std::string& path) {
  return path == kScriptResource || path == kPackagesName || path == kObjectsName;
}

std::string resource_uri(const std::string& sandbox_id, const std::string& path) {
  return "sandbox://" + sandbox_id + "/" + percent_encode(path);
}

std::string percent_decode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                        std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    if (escape) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace omcp_r::tools
