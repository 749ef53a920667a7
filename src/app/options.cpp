#include "omcp_r/app/options.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace omcp_r::app {
namespace {

constexpr std::array kLevels{log::Level::kDebug, log::Level::kInfo, log::Level::kWarning,
                             log::Level::kError};
constexpr std::array kFormats{log::Format::kText, log::Format::kJson};

using C = Config;
using V = Value;

std::chrono::seconds seconds(const Value& value) {
  return std::chrono::seconds{value.whole};
}
std::uint64_t bytes(const Value& value) {
  return static_cast<std::uint64_t>(value.whole);
}
int small(const Value& value) {
  return static_cast<int>(value.whole);
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): it is a table
const std::vector<Option>& options() {
  constexpr const char* kSandboxes = "Sandboxes";
  constexpr const char* kCode = "Running code";
  constexpr const char* kEngine = "Engine";
  constexpr const char* kServer = "The server";
  constexpr const char* kFolder = "a folder that exists, none of the system's or your home";
  constexpr const char* kPath = "an absolute path, or one from ~/";
  constexpr const char* kLabel = "lower-case letters, digits, . and -";
  constexpr const char* kPairs = "name=value, commas between them";
  static const std::vector<Option> kTable{
      {kSandboxes, "DOCKER_IMAGE", "rocker/r-ver:latest", Kind::kImage, "the name of an image",
       Found::kSets,
       "The image that a sandbox runs unless the call names another. It needs R 4.1 or later on "
       "its PATH and must already be on the engine, unless PULL says otherwise.",
       [](C& c, const V& v) { c.sandbox.image = v.text; }},
      {kSandboxes, "ALLOWED_IMAGES", "", Kind::kImages, "names of images, commas between them",
       Found::kNothing, "Further images that a call may name. DOCKER_IMAGE is always allowed.",
       [](C& c, const V& v) { c.sandbox.allowed_images = v.list; }},
      {kSandboxes, "PULL", "never", Kind::kChoice, "never, missing", Found::kNothing,
       "Whether a call gets an image that is not on the engine, and waits for it.",
       [](C& c, const V& v) { c.sandbox.pull_missing = v.whole == 1; }},
      {kSandboxes, "MAX_SANDBOXES", "10", Kind::kWhole, "1 to 1000", Found::kSets,
       "How many sandboxes may exist at once in one scope.",
       [](C& c, const V& v) { c.sandbox.max_sandboxes = small(v); }},
      {kSandboxes, "SANDBOX_TIMEOUT", "300", Kind::kSeconds, "1 to 2592000", Found::kSets,
       "A sandbox that has not been used for this long is removed, also when no server runs.",
       [](C& c, const V& v) { c.sandbox.idle_timeout = seconds(v); }, "SANDBOX_MAX_LIFETIME"},
      {kSandboxes, "SANDBOX_MAX_LIFETIME", "86400", Kind::kSeconds, "1 to 2592000", Found::kLowers,
       "A sandbox is removed at this age, however much it is used.",
       [](C& c, const V& v) { c.sandbox.max_lifetime = seconds(v); }},
      {kSandboxes, "WARM_POOL", "1", Kind::kWhole, "0 to 16", Found::kSets,
       "How many spare sandboxes are kept started while sandboxes are in use, so that a new one is "
       "there at once.",
       [](C& c, const V& v) { c.sandbox.warm_pool = small(v); }},
      {kSandboxes, "PRELOAD", "", Kind::kPackages, "names of R packages, commas between them",
       Found::kSets,
       "Packages that a spare sandbox has loaded before it is needed (loaded, not attached), so "
       "that library() takes no time there. Each spare has their memory.",
       [](C& c, const V& v) { c.sandbox.preload = v.list; }},
      {kSandboxes, "SANDBOX_MEMORY", "1g", Kind::kSize, "64m to 1t", Found::kLowers,
       "Memory of a sandbox, its files included, and no swap beyond it. A call may ask for less. "
       "Where this is not set and MAX_SANDBOXES of them would not fit the engine's machine, each "
       "gets its share, but no less than 512 MB.",
       [](C& c, const V& v) { c.sandbox.memory_bytes = bytes(v); }},
      {kSandboxes, "SANDBOX_CPUS", "1", Kind::kDecimal, "0.1 to 256", Found::kLowers,
       "Processor cores of a sandbox. A call may ask for less.",
       [](C& c, const V& v) { c.sandbox.cpus = v.number; }},
      {kSandboxes, "SANDBOX_PIDS", "128", Kind::kWhole, "16 to 32768", Found::kLowers,
       "How many processes and threads a sandbox may have.",
       [](C& c, const V& v) { c.sandbox.pids = small(v); }},
      {kSandboxes, "SANDBOX_USER", "65532:65532", Kind::kUser, "numbers, not 0", Found::kNothing,
       "The numeric user and group that R runs as in the container.",
       [](C& c, const V& v) { c.sandbox.user = v.text; }},
      {kSandboxes, "SECCOMP", "default", Kind::kSystemCalls, "default, engine, or a path",
       Found::kNothing,
       "Which system calls code may make: those that R was seen to need (default), what the engine "
       "allows (engine), or what a seccomp profile of yours says.",
       [](C& c, const V& v) { c.sandbox.system_calls = v.text; }},
      {kCode, "EXECUTION_TIMEOUT", "300", Kind::kSeconds, "1 to 2592000", Found::kLowers,
       "Code is interrupted after this long unless the call sets its own limit.",
       [](C& c, const V& v) { c.sandbox.execution_timeout = seconds(v); }, "MAX_EXECUTION_TIMEOUT"},
      {kCode, "MAX_EXECUTION_TIMEOUT", "3600", Kind::kSeconds, "1 to 2592000", Found::kLowers,
       "The longest limit that a call may set.",
       [](C& c, const V& v) { c.sandbox.max_execution_timeout = seconds(v); }},
      {kCode, "EXECUTION_WAIT", "45", Kind::kSeconds, "1 to 3600", Found::kSets,
       "A call answers after this long even if the code still runs; a later call collects the "
       "rest. Many hosts give up on a call after 60 seconds.",
       [](C& c, const V& v) { c.sandbox.execution_wait = seconds(v); }},
      {kCode, "MAX_OUTPUT_CHARS", "20000", Kind::kWhole, "100 to 10000000", Found::kSets,
       "Longest output in one answer. Of a longer one the middle is left out.",
       [](C& c, const V& v) { c.sandbox.max_output_chars = static_cast<std::size_t>(v.whole); }},
      {kCode, "MAX_OUTPUT_BYTES", "1g", Kind::kSize, "64k to 1t", Found::kLowers,
       "Code that prints more than this is stopped.",
       [](C& c, const V& v) { c.sandbox.max_output_bytes = bytes(v); }},
      {kCode, "STRUCTURED_CONTENT", "never", Kind::kChoice, "never, always", Found::kSets,
       "Whether execute_r_code answers with structuredContent as well, and publishes its schema: "
       "for "
       "programs. Many hosts show a model that in place of the text.",
       [](C& c, const V& v) { c.sandbox.structured_content = v.whole == 1; }},
      {kCode, "DATA_DIR", "", Kind::kReadFolder, kFolder, Found::kNothing,
       "A folder of this machine that every sandbox sees, read-only, as /data.",
       [](C& c, const V& v) { c.sandbox.data_dir = v.text; }},
      {kCode, "R_LIBRARY", "", Kind::kReadFolder, kFolder, Found::kNothing,
       "A library of R packages of this machine that every sandbox sees, read-only, and looks into "
       "first. Its packages must have been built for the R of the image.",
       [](C& c, const V& v) { c.sandbox.library = v.text; }},
      {kCode, "EXEC_TMP", "0", Kind::kChoice, "0, 1", Found::kNothing,
       "With 1, code may run and load what it has put into /tmp: for Rcpp and Stan, with an image "
       "that has compilers. Programs of its own make it easier to attack the kernel.",
       [](C& c, const V& v) { c.sandbox.exec_tmp = v.whole == 1; }},
      {kCode, "DB_SOCKET", "", Kind::kPath, kPath, Found::kNothing,
       "The socket of a PostgreSQL of this machine, or the folder with it, that sandboxes reach as "
       "DB_ROLE. Needs psql on this machine.",
       [](C& c, const V& v) { c.sandbox.database.socket = v.text; }},
      {kCode, "DB_ROLE", "", Kind::kDatabaseName, "the name of a role", Found::kNothing,
       "The role that code logs in as: none that may read files or run programs there.",
       [](C& c, const V& v) { c.sandbox.database.role = v.text; }},
      {kCode, "DB_NAME", "", Kind::kDatabaseName, "the name of a database", Found::kNothing,
       "The database. By default the one of the role's name.",
       [](C& c, const V& v) { c.sandbox.database.name = v.text; }},
      {kCode, "DB_PASSWORD", "", Kind::kSecret, "a password", Found::kNothing,
       "The role's password, which code in a sandbox can read.",
       [](C& c, const V& v) { c.sandbox.database.password = v.text; }},
      {kCode, "OUTPUT_DIR", "", Kind::kWriteFolder, kFolder, Found::kNothing,
       "A folder of this machine that receives copies of the files R makes in its working "
       "directory.",
       [](C& c, const V& v) { c.sandbox.output_dir = v.text; }},
      {kCode, "OUTPUT_MAX_SIZE", "4g", Kind::kSize, "1m to 1t", Found::kLowers,
       "What OUTPUT_DIR may hold of all sandboxes. One sandbox may have a quarter of it, and one "
       "call a sixteenth.",
       [](C& c, const V& v) { c.sandbox.output_max_bytes = bytes(v); }},
      {kEngine, "ENGINE", "docker", Kind::kChoice, "docker, podman, auto, kubernetes",
       Found::kNothing,
       "The kind of container engine. With auto docker where it answers, else podman.",
       [](C& c, const V& v) { c.engine.kind = v.text; }},
      {kEngine, "DOCKER", "", Kind::kProgram, "a name or an absolute path", Found::kNothing,
       "The docker command, or podman with ENGINE=podman, kubectl with ENGINE=kubernetes. By "
       "default it is looked for in PATH, then in its usual places.",
       [](C& c, const V& v) { c.engine.docker = v.text; }},
      {kEngine, "DOCKER_HOST", "", Kind::kAddress, "unix://, tcp:// or ssh://", Found::kNothing,
       "The engine's address. By default the docker command decides by its context.",
       [](C& c, const V& v) { c.engine.docker_host = v.text; }},
      {kEngine, "DOCKER_CONTEXT", "", Kind::kName, "letters, digits and ._-", Found::kNothing,
       "A context of the docker command (docker context ls), in place of DOCKER_HOST.",
       [](C& c, const V& v) { c.engine.docker_context = v.text; }},
      {kEngine, "DOCKER_CERT_PATH", "", Kind::kPath, kPath, Found::kNothing,
       "A folder with ca.pem, cert.pem and key.pem: an engine at tcp:// is spoken to with TLS, and "
       "both prove who they are.",
       [](C& c, const V& v) { c.engine.certificates = v.text; }},
      {kEngine, "RUNTIME", "", Kind::kName, "letters, digits and ._-", Found::kNothing,
       "The engine's runtime for sandboxes, such as runsc (gVisor), or a cluster's RuntimeClass. "
       "By "
       "default the engine's own.",
       [](C& c, const V& v) { c.sandbox.runtime = v.text; }},
      {kEngine, "KUBE_CONTEXT", "", Kind::kContext, "the name of a context", Found::kNothing,
       "With ENGINE=kubernetes, the cluster and the user, as the kubeconfig has them. By default "
       "its current context.",
       [](C& c, const V& v) { c.engine.cluster.context = v.text; }},
      {kEngine, "KUBE_NAMESPACE", "omcp-r", Kind::kLabel, kLabel, Found::kNothing,
       "The namespace of the cluster that sandboxes are made in.",
       [](C& c, const V& v) { c.engine.cluster.name_space = v.text; }},
      {kEngine, "KUBE_CPU_REQUEST", "0.1", Kind::kDecimal, "0.01 to 256", Found::kNothing,
       "Processor cores that a node of the cluster must have free for one more sandbox.",
       [](C& c, const V& v) { c.engine.cluster.cpu_request = v.number; }, "SANDBOX_CPUS"},
      {kEngine, "KUBE_NODE_SELECTOR", "", Kind::kPairs, kPairs, Found::kNothing,
       "Labels of the nodes that may run sandboxes.",
       [](C& c, const V& v) { c.engine.cluster.node_selector = v.list; }},
      {kEngine, "KUBE_TOLERATIONS", "", Kind::kTolerations, "key=value:effect, commas between them",
       Found::kNothing,
       "Taints of nodes that may run sandboxes all the same. Value and effect may be left out.",
       [](C& c, const V& v) { c.engine.cluster.tolerations = v.list; }},
      {kEngine, "KUBE_PRIORITY_CLASS", "", Kind::kLabel, kLabel, Found::kNothing,
       "The PriorityClass of sandboxes.",
       [](C& c, const V& v) { c.engine.cluster.priority_class = v.text; }},
      {kEngine, "KUBE_PULL_SECRETS", "", Kind::kLabels, "names of secrets, commas between them",
       Found::kNothing, "Secrets of the namespace with which nodes get the image.",
       [](C& c, const V& v) { c.engine.cluster.pull_secrets = v.list; }},
      {kEngine, "KUBE_LABELS", "", Kind::kPairs, kPairs, Found::kNothing,
       "Labels that the pods of sandboxes get besides ours.",
       [](C& c, const V& v) { c.engine.cluster.labels = v.list; }},
      {kEngine, "DATA_VOLUME", "", Kind::kLabel, kLabel, Found::kNothing,
       "A PersistentVolumeClaim of the namespace that every sandbox sees, read-only, as /data.",
       [](C& c, const V& v) { c.sandbox.data_volume = v.text; }},
      {kServer, "SCOPE", "", Kind::kScope, "letters, digits and _.@-", Found::kNothing,
       "Servers of one scope on one engine share their sandboxes. By default the user's number and "
       "the machine's name, as in 1000@laptop.",
       [](C& c, const V& v) { c.sandbox.scope = v.text; }},
      {kServer, "STATE_DIR", "", Kind::kStateFolder, kPath, Found::kNothing,
       "Where locks and times of last use are kept. By default omcp-r-sandbox in $XDG_STATE_HOME "
       "or ~/.local/state; without a home that can be written to, /tmp/omcp-r-sandbox-UID.",
       [](C& c, const V& v) { c.sandbox.state_dir = v.text; }},
      {kServer, "LOG_LEVEL", "INFO", Kind::kChoice, "DEBUG, INFO, WARNING, ERROR", Found::kSets,
       "What is logged, on stderr. Only DEBUG shows code and its output.",
       [](C& c, const V& v) { c.log_level = kLevels.at(static_cast<std::size_t>(v.whole)); }},
      {kServer, "LOG_FORMAT", "text", Kind::kChoice, "text, json", Found::kSets,
       "Lines for people, or one JSON object a line.",
       [](C& c, const V& v) { c.log_format = kFormats.at(static_cast<std::size_t>(v.whole)); }},
      {kServer, "AUDIT_LOG", "", Kind::kPath, kPath, Found::kNothing,
       "A file that gets one JSON line for each event in the life of a sandbox.",
       [](C& c, const V& v) { c.audit_log = v.text; }},
  };
  return kTable;
}

const Option* find_option(std::string_view variable) {
  const auto found =
      std::find_if(options().begin(), options().end(),
                   [variable](const Option& option) { return option.variable == variable; });
  return found == options().end() ? nullptr : &*found;
}

std::string flag_of(std::string_view variable) {
  std::string flag = "--";
  for (const char c : variable) {
    flag += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return flag;
}

}  // namespace omcp_r::app
