#include "omcp_r/sandbox/policy.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cmath>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include "omcp_r/sandbox/wire.hpp"

namespace omcp_r::embedded {
extern const std::string_view kSupervisor;
extern const std::string_view kWorker;
}  // namespace omcp_r::embedded

namespace omcp_r::sandbox {
namespace {

constexpr std::uint64_t kMegabyte = 1ULL << 20;
constexpr std::uint64_t kLeastUsual = 512 * kMegabyte;  ///< R with data of some size

std::string allowed_list(const Settings& settings) {
  std::string text = settings.image;
  for (const std::string& image : settings.allowed_images) {
    text += ", " + image;
  }
  return text;
}

/// Where a sandbox sees R_LIBRARY.
constexpr const char* kLibrary = "/library";
/// The folder in which it sees the socket of DB_SOCKET.
constexpr const char* kDatabase = "/db";

bool is_allowed(const Settings& settings, const std::string& image) {
  return image == settings.image ||
         std::find(settings.allowed_images.begin(), settings.allowed_images.end(), image) !=
             settings.allowed_images.end();
}

/// The names and values that R and the libraries below it read. Nothing of the host's environment.
std::map<std::string, std::string> environment_of(const Grant& grant) {
  const std::string threads = std::to_string(std::max(1, static_cast<int>(std::ceil(grant.cpus))));
  // R's own ceiling below the container's turns most kills for memory into an R error.
  const std::uint64_t heap = grant.memory_bytes / 4 * 3;
  return {{"LANG", "C.UTF-8"},
          {"LC_ALL", "C.UTF-8"},
          {"TZ", "Etc/UTC"},
          {"HOME", "/sandbox"},
          {"USER", "sandbox"},  // no image knows our user's number, and C code may ask who it is
          {"LOGNAME", "sandbox"},
          {"TMPDIR", "/tmp"},
          {"XDG_CACHE_HOME", "/tmp/.cache"},
          {"R_ENVIRON_USER", "/dev/null"},
          {"R_MAX_VSIZE", std::to_string(heap)},
          {"OPENBLAS_NUM_THREADS", threads},
          {"OMP_NUM_THREADS", threads},
          {"MC_CORES", threads}};
}

}  // namespace

std::uint64_t usual_memory(const Settings& settings, std::uint64_t machine) {
  if (!settings.memory_fits_machine || machine == 0) {
    return settings.memory_bytes;
  }
  const std::uint64_t share = machine / static_cast<std::uint64_t>(settings.max_sandboxes);
  const std::uint64_t whole = share / kMegabyte * kMegabyte;
  return std::clamp(whole, std::min(kLeastUsual, settings.memory_bytes), settings.memory_bytes);
}

Result<Grant> decide(const Settings& settings, const CreateRequest& request) {
  Grant grant{.idle_timeout = request.idle_timeout.value_or(settings.idle_timeout),
              .image = request.image.value_or(settings.image),
              .memory_bytes = request.memory_bytes.value_or(settings.memory_bytes),
              .cpus = request.cpus.value_or(settings.cpus)};
  if (!is_allowed(settings, grant.image)) {
    return Error{Errc::kImageNotAllowed,
                 "Image " + grant.image + " is not allowed here. Leave image out, or use one of: " +
                     allowed_list(settings) + "."};
  }
  if (grant.memory_bytes > settings.memory_bytes || grant.memory_bytes < 64 * kMegabyte) {
    return Error{Errc::kInvalidArgument, "memory_mb must be from 64 to " +
                                             std::to_string(settings.memory_bytes / kMegabyte) +
                                             ", the configured maximum."};
  }
  if (grant.cpus > settings.cpus || !(grant.cpus >= 0.1)) {
    return Error{
        Errc::kInvalidArgument,
        "cpus must be from 0.1 to " + std::to_string(settings.cpus) + ", the configured maximum."};
  }
  if (grant.idle_timeout.count() < 1 || grant.idle_timeout > settings.max_lifetime) {
    return Error{Errc::kInvalidArgument, "timeout must be from 1 to " +
                                             std::to_string(settings.max_lifetime.count()) +
                                             " seconds, the longest a sandbox may live."};
  }
  return grant;
}

engine::Spec spec_of(const Settings& settings, const Grant& grant, engine::Identity identity) {
  engine::Spec spec;
  identity.scope = settings.scope;
  identity.idle = grant.idle_timeout.count();
  identity.lifetime = settings.max_lifetime.count();
  identity.protocol = wire::kProtocol;
  spec.identity = std::move(identity);
  spec.image = grant.image;
  spec.program = {"sh",
                  "-c",
                  std::string{embedded::kSupervisor},
                  "omcp",
                  std::string{embedded::kWorker},
                  std::to_string(grant.idle_timeout.count()),
                  std::to_string(settings.max_lifetime.count())};
  spec.environment = environment_of(grant);
  if (!settings.library.empty()) spec.environment["R_LIBS"] = kLibrary;
  engine::Isolation& isolation = spec.isolation;
  isolation.user = settings.user;
  isolation.memory_bytes = grant.memory_bytes;
  isolation.cpus = grant.cpus;
  isolation.processes = settings.pids;
  // What stands in a tmpfs counts against memory: together they stay below half of it.
  isolation.work_bytes = grant.memory_bytes / 4;
  isolation.tmp_bytes = grant.memory_bytes / 8;
  isolation.shared_memory_bytes = std::min<std::uint64_t>(32 * kMegabyte, grant.memory_bytes / 16);
  isolation.file_bytes = isolation.work_bytes;
  if (!settings.data_dir.empty()) {
    isolation.folders.push_back({settings.data_dir, "/data"});
  }
  if (!settings.library.empty()) {
    isolation.folders.push_back({settings.library, kLibrary});
  }
  if (!settings.database.socket.empty()) {
    // By these, libpq and all that is made with it log in without being told how.
    spec.environment["PGHOST"] = kDatabase;
    spec.environment["PGPORT"] = "5432";
    spec.environment["PGUSER"] = settings.database.role;
    spec.environment["PGDATABASE"] = settings.database.name;
    if (!settings.database.password.empty()) {
      spec.secrets["PGPASSWORD"] = settings.database.password;
    }
    isolation.folders.push_back({database_folder(settings), kDatabase});
  }
  isolation.exec_tmp = settings.exec_tmp;
  if (settings.exec_tmp) spec.environment["EXEC_TMP"] = "1";  // for what the worker advises
  isolation.runtime = settings.runtime;
  isolation.system_calls = settings.system_calls;
  return spec;
}

std::string scope_folder(const Settings& settings) {
  return settings.state_dir + "/scope-" + settings.scope;
}

std::string database_folder(const Settings& settings) {
  const database::Access& access = settings.database;
  boost::crc_32_type sum;
  for (const std::string* part : {&access.socket, &access.role, &access.name}) {
    sum.process_bytes(part->c_str(), part->size() + 1);
  }
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "db-%08x", sum.checksum());
  return scope_folder(settings) + "/" + name.data();
}

Status check_in_force(const std::vector<std::string>& not_in_force) {
  if (not_in_force.empty()) {
    return Ok{};
  }
  std::string missing;
  for (const std::string& limit : not_in_force) {
    missing += (missing.empty() ? "" : ", ") + limit;
  }
  return Error{Errc::kLimitsNotApplied,
               "The container engine did not put these limits in force: " + missing +
                   ". The sandbox was removed. A rootless engine has to be given the right to set "
                   "them (its documentation calls that delegation), or use a rootful engine."};
}

}  // namespace omcp_r::sandbox
