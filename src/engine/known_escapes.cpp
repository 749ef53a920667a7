#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <string_view>

#include "omcp_r/engine/diagnosis.hpp"

namespace omcp_r::engine {
namespace {

// NOLINTNEXTLINE(readability-function-size): it is a table
const std::vector<Escape>& known_escapes() {
  static const std::vector<Escape> kTable{
      {"runc", "CVE-2019-5736", {"1.0.0-rc7"}, "https://nvd.nist.gov/vuln/detail/CVE-2019-5736"},
      {"runc",
       "CVE-2024-21626",
       {"1.1.12"},
       "https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv"},
      {"runc",
       "CVE-2025-31133",
       {"1.2.8", "1.3.3", "1.4.0-rc.3"},
       "https://github.com/opencontainers/runc/security/advisories/GHSA-9493-h29p-rfm2"},
      {"runc",
       "CVE-2025-52565",
       {"1.2.8", "1.3.3", "1.4.0-rc.3"},
       "https://github.com/opencontainers/runc/security/advisories/GHSA-qw9x-cqr3-wc7r"},
      {"runc",
       "CVE-2025-52881",
       {"1.2.8", "1.3.3", "1.4.0-rc.3"},
       "https://github.com/opencontainers/runc/security/advisories/GHSA-cgrx-mc8f-2prm"},
      {"containerd",
       "CVE-2020-15257",
       {"1.3.9", "1.4.3"},
       "https://github.com/containerd/containerd/security/advisories/GHSA-36xw-fx78-c5r4"},
  };
  return kTable;
}

/// Major, minor, patch, and which candidate for a release: a release itself comes last.
using Version = std::array<int, 4>;

/// Takes a number off the front; false where there is none.
bool take_number(std::string_view& text, int& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{}) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

/// "v1.1.12", "1.4.0-rc.3", "1.0.0~rc93+ds1", "1.1.5+ds1", "1.7.24-0ubuntu1".
std::optional<Version> read_version(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
  Version version{0, 0, 0, INT_MAX};
  for (std::size_t i = 0; i < 3; ++i) {
    const bool dotted = i == 0 || text.starts_with('.');
    text.remove_prefix(i > 0 && dotted ? 1 : 0);
    if (!dotted || !take_number(text, version.at(i))) {
      return std::nullopt;
    }
  }
  for (const std::string_view mark : {"-rc.", "-rc", "~rc.", "~rc", "-alpha", "-beta"}) {
    if (text.starts_with(mark)) {
      text.remove_prefix(mark.size());
      version[3] = 0;
      if (mark.find("rc") != std::string_view::npos) {
        take_number(text, version[3]);
      }
      break;
    }
  }
  return version;
}

bool is_newer_branch(const Version& one, const Version& other) {
  return std::pair{one[0], one[1]} > std::pair{other[0], other[1]};
}

/// By the mended version of its own branch; newer branches than all of these began mended.
bool is_mended(const Version& version, const Escape& escape) {
  for (const char* const text : escape.mended) {
    const Version mended = read_version(text).value();
    if (!is_newer_branch(version, mended)) {
      return version >= mended;
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<const Escape*>> escapes_of(const Component& component) {
  const auto version = read_version(component.version);
  if (!version) {
    return std::nullopt;
  }
  std::vector<const Escape*> open;
  for (const Escape& escape : known_escapes()) {
    if (component.name == escape.component && !is_mended(*version, escape)) {
      open.push_back(&escape);
    }
  }
  return open;
}

}  // namespace omcp_r::engine
