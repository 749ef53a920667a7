#include "docker_names.hpp"

#include <charconv>

namespace omcp_r::engine {
namespace {

constexpr std::string_view kPrefix = "omcp-r-";
constexpr std::string_view kSparePrefix = "omcp-r-spare-";

std::string text_of(const Labels& labels, const char* key) {
  const auto it = labels.find(key);
  return it != labels.end() ? it->second : std::string{};
}

template <class Number>
Number number_of(const Labels& labels, const char* key, Number fallback) {
  const std::string text = text_of(labels, key);
  const char* const end = text.data() + text.size();
  Number value{};
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end ? value : fallback;
}

}  // namespace

Labels scope_labels(const std::string& scope) {
  return {{"omcp-r.managed", "1"}, {"omcp-r.scope", scope}};
}

Labels labels_of(const Identity& identity) {
  Labels labels = scope_labels(identity.scope);
  labels["omcp-r.id"] = identity.id;
  labels["omcp-r.domain"] = identity.domain;
  labels["omcp-r.role"] = identity.role == Role::kSpare ? "spare" : "sandbox";
  labels["omcp-r.idle"] = std::to_string(identity.idle);
  labels["omcp-r.lifetime"] = std::to_string(identity.lifetime);
  labels["omcp-r.protocol"] = std::to_string(identity.protocol);
  return labels;
}

Identity identity_of(const Labels& labels) {
  Identity identity;
  identity.id = text_of(labels, "omcp-r.id");
  identity.scope = text_of(labels, "omcp-r.scope");
  identity.domain = text_of(labels, "omcp-r.domain");
  identity.role = text_of(labels, "omcp-r.role") == "spare" ? Role::kSpare : Role::kSandbox;
  identity.idle = number_of(labels, "omcp-r.idle", identity.idle);
  identity.lifetime = number_of(labels, "omcp-r.lifetime", identity.lifetime);
  identity.protocol = number_of(labels, "omcp-r.protocol", identity.protocol);
  return identity;
}

std::string container_name(const std::string& id, Role role) {
  return std::string{role == Role::kSpare ? kSparePrefix : kPrefix} + id;
}

bool is_spare_name(std::string_view name) {
  return name.substr(0, kSparePrefix.size()) == kSparePrefix;
}

}  // namespace omcp_r::engine
