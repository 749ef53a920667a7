#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "omcp_r/base/result.hpp"
#include "omcp_r/mcp/log_level.hpp"

namespace omcp_r::mcp {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;

/// Hints for the host; all four are always sent, because the defaults of the specification are the
/// dangerous ones.
struct ToolAnnotations {
  bool read_only = false;
  bool destructive = false;
  bool idempotent = false;
  bool open_world = false;
};

/// A tool as tools/list publishes it. Fields that a revision does not know are left out there.
struct ToolDefinition {
  std::string name;
  std::string title;
  std::string description;
  Json input_schema;
  Json output_schema;  ///< null: none
  ToolAnnotations annotations;
  Json meta;  ///< null: none; goes out as _meta
  /// Null: none. Else a client of a modern revision that does not declare them is refused.
  Json required_capabilities{};
};

struct TextContent {
  std::string text;  ///< any bytes; invalid UTF-8 is replaced on the way out
};
struct ImageContent {
  std::string bytes;  ///< raw, not base64
  std::string mime_type = "image/png";
};
/// A link to a resource that resources/read serves; a text block at revisions without links.
struct ResourceLink {
  std::string uri;
  std::string name;
  std::string description;
  std::string mime_type;
  std::optional<std::uint64_t> size;
};
/// A text block at the one revision without audio.
struct AudioContent {
  std::string bytes;  ///< raw, not base64
  std::string mime_type = "audio/wav";
};
/// A resource that travels inside the result. Hosts serve plain text better.
struct EmbeddedResource {
  std::string uri;
  std::string mime_type;
  std::string bytes;
  bool is_text = true;  ///< else a base64 blob
};
using Content =
    std::variant<TextContent, ImageContent, ResourceLink, AudioContent, EmbeddedResource>;

/// What a tool answers. A failure of the tool itself is is_error, never a JSON-RPC error: only the
/// former reaches the model.
struct ToolResult {
  std::vector<Content> content;
  Json structured;  ///< null: none
  Json meta;        ///< null: none; goes out as _meta, which hosts do not show to the model
  bool is_error = false;
  /// resources/list answers something else from now on: clients that want to know are told.
  bool resources_changed = false;
};

/// One tools/call under way. Lives until the handler has returned.
class CallContext {
 public:
  CallContext() = default;
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;
  virtual ~CallContext() = default;

  /// For logs; unique among the calls of this process.
  [[nodiscard]] virtual const std::string& request_name() const = 0;

  /// Whether the client asked for progress notifications on this call.
  [[nodiscard]] virtual bool wants_progress() const = 0;
  /// Sends one, if asked for; values that do not increase are dropped.
  virtual void progress(double value, std::string message) = 0;

  /// Sends a log notification, if the client asked for ones of this level (logging/setLevel, or
  /// _meta of a modern request) and the server offers logging.
  virtual void log(LogLevel level, std::string message) = 0;

  /// Sends a request to the client, such as elicitation/create, and waits for its result. Fails at
  /// modern revisions, which have no such requests, where the client has not declared that it
  /// answers them, when it answers with an error, and when ServerLimits::client_answer has passed.
  virtual asio::awaitable<Result<Json>> ask(std::string method, Json params) = 0;

  /// True once the client has cancelled the call (or the server is shutting down): its answer will
  /// not be sent.
  [[nodiscard]] virtual bool cancelled() const = 0;
  /// Called once, on the loop's thread, at cancellation; replaces the one set before. An empty
  /// function takes it back. Not called at shutdown, where what runs is left to its own limits.
  virtual void on_cancel(std::function<void()> callback) = 0;
};

/// Runs one call. `arguments` is always an object; nothing in it has been validated.
using ToolHandler = std::function<asio::awaitable<ToolResult>(Json arguments, CallContext& call)>;

/// A resource as resources/list publishes it.
struct Resource {
  std::string uri;
  std::string name;
  std::string description;
  std::string mime_type;
  std::optional<std::uint64_t> size;
};

struct ResourceTemplate {
  std::string uri_template;
  std::string name;
  std::string description;
  std::string mime_type;
};

/// What resources/read serves: `bytes` goes out as text when `is_text`, else as a base64 blob.
struct ResourceContents {
  std::string mime_type;
  std::string bytes;
  bool is_text = false;
  Json meta{};           ///< null: none; goes out as _meta, which hosts may not show to the model
  std::string remark{};  ///< a text that follows it, as contents of its own; "" is none
};

/// Where the resources come from. The resources capability is advertised when there is one.
class ResourceProvider {
 public:
  ResourceProvider() = default;
  ResourceProvider(const ResourceProvider&) = delete;
  ResourceProvider& operator=(const ResourceProvider&) = delete;
  virtual ~ResourceProvider() = default;

  virtual asio::awaitable<Result<std::vector<Resource>>> list() = 0;
  [[nodiscard]] virtual std::vector<ResourceTemplate> templates() const = 0;
  /// Errc::kNotFound becomes the revision's "resource not found" error.
  virtual asio::awaitable<Result<ResourceContents>> read(std::string uri) = 0;
};

}  // namespace omcp_r::mcp
