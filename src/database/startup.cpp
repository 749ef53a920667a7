#include "startup.hpp"

#include <algorithm>
#include <optional>

#include "omcp_r/base/text.hpp"

namespace omcp_r::database {
namespace {

std::string number(std::size_t value) {
  std::string bytes;
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    bytes += static_cast<char>(value >> (shift - 8) & 0xFFU);
  }
  return bytes;
}

/// Takes the text up to the next NUL off `bytes`.
std::optional<std::string_view> take_text(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return text;
}

Error not_taken(const std::string& why) {
  return Error{Errc::kInvalidArgument, why};
}

}  // namespace

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) value = value << 8U | byte_at(bytes, i);
  return value;
}

Result<std::string> startup_for(std::uint32_t code, std::string_view parameters,
                                const Access& access) {
  constexpr std::size_t kLongestName = 63;  // PostgreSQL's NAMEDATALEN - 1
  constexpr std::uint32_t kMajor = 3;
  if (code >> 16U != kMajor) return not_taken("this is no startup message of protocol 3");
  std::string body = number(code);
  const auto add = [&body](std::string_view name, std::string_view value) {
    body.append(name).append(1, '\0').append(value).append(1, '\0');
  };
  add("user", access.role);
  add("database", access.name);
  while (true) {
    const auto name = take_text(parameters);
    if (!name) return not_taken("the startup message is not whole");
    if (name->empty()) break;
    const auto value = take_text(parameters);
    if (!value) return not_taken("the startup message is not whole");
    if (*name == "user" || *name == "database") {
      const std::string& ours = *name == "user" ? access.role : access.name;
      if (*value == ours || value->empty()) continue;
      return not_taken("of " + std::string(*name) + "s there is only " +
                       printable(ours, kLongestName) + " for a sandbox: leave it out");
    }
    if (*name == "replication") return not_taken("a sandbox cannot replicate");
    add(*name, *value);
  }
  if (!parameters.empty()) return not_taken("the startup message is not whole");
  body += '\0';
  return number(body.size() + 4) + body;
}

void KeyFinder::take(std::string_view bytes) {
  constexpr std::size_t kHead = 5;  // type, length
  constexpr std::size_t kMostOfKey = 512;
  while (!done_ && !bytes.empty()) {
    const std::size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    const std::size_t wanted = held_.size() < kHead ? kHead : number_at(held_, 1) + 1;
    const std::size_t taken = std::min(wanted - held_.size(), bytes.size());
    held_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (held_.size() < kHead) continue;
    const std::size_t length = number_at(held_, 1);
    if (held_[0] == 'Z' || length < 4 || (held_[0] == 'K' && length > kMostOfKey)) {
      done_ = true;  // ready for queries, or nothing that we know
    } else if (held_[0] != 'K') {
      skip_ = length - 4;
      held_.clear();
    } else if (held_.size() == length + 1) {
      key_ = held_.substr(kHead);
      done_ = true;
    }
  }
}

std::string KeyFinder::cancellation() const {
  if (key_.empty()) return "";
  return number(kHeadBytes + key_.size()) + number(kCancel) + key_;
}

std::string refusal(std::string_view sqlstate, std::string_view message) {
  std::string fields;
  const auto add = [&fields](char kind, std::string_view text) {
    fields.append(1, kind).append(text).append(1, '\0');
  };
  add('S', "FATAL");
  add('V', "FATAL");
  add('C', sqlstate);
  add('M', message);
  fields += '\0';
  return "E" + number(fields.size() + 4) + fields;
}

}  // namespace omcp_r::database
