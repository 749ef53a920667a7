#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/server.hpp"

namespace omcp_r::e2e {

using Samples = std::vector<double>;  ///< milliseconds

inline constexpr const char* kRscript = "cat(1 + 1)";

inline double milliseconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

inline Samples samples_of(int times, const std::function<void()>& work) {
  Samples all;
  for (int i = 0; i < times; ++i) all.push_back(milliseconds_of(work));
  return all;
}

/// The value below which `share` of the samples lie.
inline double quantile(Samples samples, double share) {
  std::sort(samples.begin(), samples.end());
  const auto last = static_cast<double>(samples.size() - 1);
  return samples[static_cast<std::size_t>(std::lround(share * last))];
}

inline double median(const Samples& samples) {
  return quantile(samples, 0.5);
}

/// The time in which R and the server do what nobody waits for: not measured. A spare is made in
/// it.
inline void settle() {
  std::this_thread::sleep_for(std::chrono::seconds{8});
}

// Calls, each of which throws where it fails.

inline ToolResult expect_success(ToolResult result) {
  if (!result.success()) throw std::runtime_error("a call failed: " + result.shown());
  return result;
}
inline std::string create(Server& server) {
  return expect_success(server.call("create_sandbox")).data().at("sandbox_id");
}
inline void remove(Server& server, const std::string& id) {
  expect_success(server.call("remove_sandbox", Json{{"sandbox_id", id}, {"force", true}}));
}
inline void execute(Server& server, const std::string& id, const std::string& code = kRscript) {
  expect_success(server.call("execute_r_code", Json{{"sandbox_id", id}, {"code", code}}));
}
inline void stop(Server& server) {
  server.close_input();
  server.wait_for_end();
}

}  // namespace omcp_r::e2e
