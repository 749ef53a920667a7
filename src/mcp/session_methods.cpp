#include <exception>
#include <utility>

#include "omcp_r/base/background.hpp"
#include "session.hpp"

namespace omcp_r::mcp {
namespace {

using rpc::Fault;

constexpr int kLegacyResourceNotFound = -32002;
constexpr std::size_t kLargestResource = std::size_t{8} << 20;  // official clients stop at 10 MiB

/// All we have fits on one page, so that no cursor is one of ours.
std::optional<Fault> cursor_fault(const Json& params) {
  const auto cursor = params.find("cursor");
  if (cursor == params.end() || cursor->is_null()) {
    return std::nullopt;
  }
  return Fault{rpc::kInvalidParams, "Invalid params: unknown cursor"};
}

const std::string* string_param(const Json& params, const char* key) {
  const auto value = params.find(key);
  return value == params.end() ? nullptr : value->get_ptr<const std::string*>();
}

Json resource_not_found_data(const std::string& uri) {
  Json data = {{"uri", uri}};
  return data;
}

ToolResult failure(std::string text) {
  ToolResult result;
  result.content.emplace_back(TextContent{std::move(text)});
  result.is_error = true;
  return result;
}

}  // namespace

std::string Session::answer_now(const rpc::Request& request, Routed routed) {
  const Revision& revision = *routed.revision;
  const bool is_list =
      routed.method == Method::kListTools || routed.method == Method::kListTemplates;
  if (const auto fault = is_list ? cursor_fault(request.params) : std::nullopt) {
    return rpc::error_line(request.id, *fault);
  }
  switch (routed.method) {
    case Method::kInitialize:
      negotiated_ = routed.revision;
      client_capabilities_ = request.params.value("capabilities", rpc::Json::object());
      return rpc::result_line(request.id, service_->initialize_result(revision));
    case Method::kDiscover:
      return rpc::result_line(request.id, service_->discover_result(revision));
    case Method::kListTools:
      return rpc::result_line(request.id, service_->list_tools_result(revision));
    case Method::kListTemplates:
      return rpc::result_line(request.id, service_->list_templates_result(revision));
    case Method::kSetLogLevel:
      return set_log_level(request);
    default:
      return rpc::result_line(request.id, "{}");  // ping
  }
}

std::string Session::set_log_level(const rpc::Request& request) {
  const std::string* name = string_param(request.params, "level");
  const auto level = name == nullptr ? std::nullopt : find_log_level(*name);
  if (!level) {
    return rpc::error_line(request.id,
                           {rpc::kInvalidParams, "Invalid params: level must be a logging level"});
  }
  log_level_ = level;
  return rpc::result_line(request.id, "{}");
}

/// Of what we offer the list of resources alone changes: a subscription to anything else is
/// acknowledged, and then only ends.
void Session::listen(rpc::Request request, Routed routed, const Origin& origin) {
  const auto wanted = request.params.find("notifications");
  if (wanted == request.params.end() || !wanted->is_object()) {
    Fault fault{rpc::kInvalidParams, "Invalid params: notifications must be an object"};
    answer(origin, rpc::error_line(request.id, fault));
    return;
  }
  if (subscriptions_ >= service_->limits().requests_waiting) {
    Fault fault{rpc::kInvalidRequest, "Invalid request: too many subscriptions"};
    answer(origin, rpc::error_line(request.id, fault));
    return;
  }
  auto call = std::make_shared<Call>(std::move(request), routed, origin);
  const std::string params = R"({"_meta":{")" + std::string{meta_key::kSubscriptionId} + R"(":)" +
                             call->id().text() + R"(},"notifications":{)" +
                             (tells_changes(*call) ? R"("resourcesListChanged":true)" : "") + "}}";
  answer(origin, rpc::notification_line("notifications/subscriptions/acknowledged", params));
  open_.emplace(call->id().text(), call);
  ++subscriptions_;
}

void Session::end_subscriptions() {
  for (auto next = open_.begin(); next != open_.end();) {
    const Call& call = *next->second;
    if (call.method() != Method::kListen) {
      ++next;
      continue;
    }
    Json body = Json::object();
    body["_meta"][std::string{meta_key::kSubscriptionId}] = Json::parse(call.id().text());
    transport_->send(rpc::result_line(
        call.id(), service_->finish(std::move(body), call.revision(), Cache::kNotSaid)));
    next = open_.erase(next);
  }
  subscriptions_ = 0;
}

void Session::open_call(rpc::Request request, Routed routed, const Origin& origin) {
  auto call = std::make_shared<Call>(std::move(request), routed, origin);
  open_.emplace(call->id().text(), call);
  if (origin.batch) {
    ++origin.batch->unsettled;
  }
  held_bytes_ += origin.bytes;
  waiting_.emplace_hint(waiting_.end(), call->number(), std::move(call));
  start_waiting();
}

void Session::start(CallPtr call) {
  ++running_;
  call->connect(line_of(call), service_->limits().progress_interval);
  std::string name = "call " + call->request_name();
  spawn(executor_, std::move(name), run_call(shared_from_this(), std::move(call)));
}

asio::awaitable<void> Session::run_call(std::shared_ptr<Session> self, CallPtr call) {
  std::string line;
  std::string failed;
  try {
    line = co_await self->call_line(call);
  } catch (const std::exception& error) {
    failed = error.what();
  } catch (...) {
    failed = "something that is no std::exception";
  }
  if (line.empty()) {
    self->service_->log(call->request_name() + " failed: " + failed);
    line = self->failure_line(*call);
  }
  self->finish(call, std::move(line));
}

asio::awaitable<std::string> Session::call_line(CallPtr call) {
  switch (call->method()) {
    case Method::kListResources:
      return list_resources(std::move(call));
    case Method::kReadResource:
      return read_resource(std::move(call));
    default:
      return call_tool(std::move(call));
  }
}

asio::awaitable<std::string> Session::call_tool(CallPtr call) {
  Json& params = call->params();
  const std::string* name = string_param(params, "name");
  const RegisteredTool* tool = name == nullptr ? nullptr : service_->find_tool(*name);
  const auto given = params.find("arguments");
  const bool has_arguments = given != params.end() && !given->is_null();
  if (name == nullptr || (has_arguments && !given->is_object())) {
    Fault fault{rpc::kInvalidParams, name == nullptr
                                         ? "Invalid params: name must be a string"
                                         : "Invalid params: arguments must be an object"};
    co_return rpc::error_line(call->id(), fault);
  }
  if (tool == nullptr) {
    Fault fault{rpc::kInvalidParams, "Unknown tool: " + *name};
    co_return rpc::error_line(call->id(), fault);
  }
  if (const auto fault =
          missing_capability(params, call->revision(), tool->definition.required_capabilities)) {
    co_return rpc::error_line(call->id(), *fault);
  }
  Json arguments = has_arguments ? std::move(*given) : Json::object();
  const ToolResult result = co_await tool->handler(std::move(arguments), *call);
  if (result.resources_changed) {
    tell_resources_changed();
  }
  co_return tool_line(*call, result);
}

std::string Session::tool_line(const Call& call, const ToolResult& result) const {
  const auto encode = [&](const ToolResult& any) {
    Json body = encode_tool_result(any, call.revision());
    return rpc::result_line(call.id(),
                            service_->finish(std::move(body), call.revision(), Cache::kNotSaid));
  };
  std::string line = encode(result);
  const std::size_t most = service_->limits().result_bytes;
  if (line.size() >= most) {
    service_->log(call.request_name() + ": a result of " + std::to_string(line.size()) +
                  " bytes was replaced");
    line = encode(failure("The result of this call has " + std::to_string(line.size()) +
                          " bytes, more than the " + std::to_string(most) +
                          " that hosts accept. Ask for less output."));
  }
  return line;
}

/// For a handler that threw. What it threw is for the log only.
std::string Session::failure_line(const Call& call) const {
  if (call.method() == Method::kCallTool) {
    return tool_line(call, failure("Internal error: the tool failed unexpectedly."));
  }
  Fault fault{rpc::kInternalError, "Internal error"};
  return rpc::error_line(call.id(), fault);
}

asio::awaitable<std::string> Session::list_resources(CallPtr call) {
  if (const auto fault = cursor_fault(call->params())) {
    co_return rpc::error_line(call->id(), *fault);
  }
  const Result<std::vector<Resource>> found = co_await service_->resources()->list();
  if (!found) {
    Fault fault{rpc::kInternalError, found.error().message};
    co_return rpc::error_line(call->id(), fault);
  }
  Json list = Json::array();
  for (const Resource& resource : *found) {
    list.push_back(encode_resource(resource));
  }
  Json body = {{"resources", std::move(list)}};
  co_return rpc::result_line(
      call->id(), service_->finish(std::move(body), call->revision(), Cache::kAlwaysAskAgain));
}

asio::awaitable<std::string> Session::read_resource(CallPtr call) {
  const std::string* given = string_param(call->params(), "uri");
  if (given == nullptr) {
    Fault fault{rpc::kInvalidParams, "Invalid params: uri must be a string"};
    co_return rpc::error_line(call->id(), fault);
  }
  const std::string uri = *given;
  const Result<ResourceContents> found = co_await service_->resources()->read(uri);
  if (!found) {
    const bool missing = found.error().code == Errc::kNotFound;
    const int missing_code =
        call->revision().modern() ? rpc::kInvalidParams : kLegacyResourceNotFound;
    Fault fault{missing ? missing_code : rpc::kInternalError, found.error().message,
                resource_not_found_data(uri)};
    co_return rpc::error_line(call->id(), fault);
  }
  Json contents = Json::array();
  contents.push_back(encode_resource_contents(uri, *found));
  if (!found->remark.empty()) {
    const ResourceContents remark{"text/plain", found->remark, true};
    contents.push_back(encode_resource_contents(uri, remark));
  }
  Json body = {{"contents", std::move(contents)}};
  std::string line = rpc::result_line(
      call->id(), service_->finish(std::move(body), call->revision(), Cache::kAlwaysAskAgain));
  if (line.size() > kLargestResource) {
    Fault fault{rpc::kInternalError, "The resource is too large to be sent: " + uri};
    co_return rpc::error_line(call->id(), fault);
  }
  co_return line;
}

void Session::finish(const CallPtr& call, std::string line) {
  call->finish();
  --running_;
  held_bytes_ -= call->origin().bytes;
  const auto place = open_.find(call->id().text());
  const bool wanted = place != open_.end() && place->second == call;
  if (wanted) {
    open_.erase(place);
    answer(call->origin(), std::move(line));
    settle(call->origin());
  }
  if (transport_ != nullptr) {
    pump();
    changed_.notify_all();
  }
}

}  // namespace omcp_r::mcp
