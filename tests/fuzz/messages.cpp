// The two readers of messages side by side: what the quick one takes, the other reads the same.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "check.hpp"
#include "omcp_r/rpc/message.hpp"

namespace {

using namespace omcp_r::rpc;

bool same(const Message& quick, const Message& any) {
  if (const auto* request = std::get_if<Request>(&quick)) {
    const auto* other = std::get_if<Request>(&any);
    return other != nullptr && request->id == other->id && request->method == other->method &&
           request->params == other->params;
  }
  const auto* notification = std::get_if<Notification>(&quick);
  const auto* other = std::get_if<Notification>(&any);
  return notification != nullptr && other != nullptr && notification->method == other->method &&
         notification->params == other->params;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto quick = read_plain(text)) {
    FUZZ_CHECK(same(*quick, read_any(text)));
  }
  return 0;
}
