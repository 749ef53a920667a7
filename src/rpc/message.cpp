#include "omcp_r/rpc/message.hpp"

#include <utility>

namespace omcp_r::rpc {
namespace {

Malformed malformed(int code, std::string message, std::optional<Id> id = std::nullopt) {
  return {Fault{code, std::move(message)}, std::move(id)};
}

Single request_or_notification(Json& object, std::string method) {
  const auto id_member = object.find("id");
  const bool has_id = id_member != object.end();
  std::optional<Id> id = has_id ? Id::from_json(*id_member) : std::nullopt;
  if (has_id && !id) {
    return malformed(kInvalidRequest, "Invalid request: id must be a string or an integer");
  }
  const auto params_member = object.find("params");
  Json params = params_member == object.end() ? Json::object() : std::move(*params_member);
  if (!has_id) {
    return Notification{std::move(method), params.is_object() ? std::move(params) : Json::object()};
  }
  if (!params.is_object()) {
    return malformed(kInvalidParams, "Invalid params: params must be an object", std::move(id));
  }
  return Request{*std::move(id), std::move(method), std::move(params)};
}

Single parse_single(Json& value) {
  if (!value.is_object()) {
    return malformed(kInvalidRequest, "Invalid request: a message must be an object");
  }
  const auto id_member = value.find("id");
  std::optional<Id> id = id_member == value.end() ? std::nullopt : Id::from_json(*id_member);
  const auto method = value.find("method");
  if (method == value.end() && (value.contains("result") || value.contains("error"))) {
    Response response{std::move(id)};
    response.result = value.value("result", Json());
    response.error = value.value("error", Json());
    return response;
  }
  if (const auto version = value.find("jsonrpc"); version == value.end() || *version != "2.0") {
    return malformed(kInvalidRequest, "Invalid request: jsonrpc must be \"2.0\"", std::move(id));
  }
  if (method == value.end() || !method->is_string()) {
    return malformed(kInvalidRequest, "Invalid request: method must be a string", std::move(id));
  }
  return request_or_notification(value, method->get<std::string>());
}

Batch parse_batch(Json& array) {
  Batch batch;
  batch.members.reserve(array.size());
  for (Json& member : array) {
    batch.members.push_back(parse_single(member));
  }
  return batch;
}

}  // namespace

std::optional<Id> Id::from_json(const Json& value) {
  if (value.is_string() || value.is_number_integer()) {
    return Id{to_text(value)};
  }
  return std::nullopt;
}

Message parse_message(const Line& line) {
  if (line.too_long) {
    return malformed(kInvalidRequest, "Invalid request: the line is too long");
  }
  std::optional<Message> plain = read_plain(line.text);
  return plain ? *std::move(plain) : read_any(line.text);
}

Message read_any(std::string_view text) {
  ParsedJson parsed = parse_json(text);
  if (!parsed.problem.empty()) {
    return malformed(kParseError, "Parse error: " + std::string{parsed.problem});
  }
  if (parsed.value.is_array()) {
    return parse_batch(parsed.value);
  }
  return std::visit([](auto single) -> Message { return single; }, parse_single(parsed.value));
}

std::string result_line(const Id& id, std::string_view result) {
  std::string line;
  line.reserve(48 + id.text().size() + result.size());
  line += R"({"jsonrpc":"2.0","id":)";
  line += id.text();
  line += R"(,"result":)";
  line += result;
  line += '}';
  return line;
}

std::string error_line(const std::optional<Id>& id, const Fault& fault) {
  Json error = {{"code", fault.code}, {"message", fault.message}};
  if (!fault.data.is_null()) {
    error["data"] = fault.data;
  }
  const std::string id_member = id ? R"("id":)" + id->text() + "," : std::string{};
  return R"({"jsonrpc":"2.0",)" + id_member + R"("error":)" + to_text(error) + "}";
}

std::string request_line(std::string_view id, std::string_view method, std::string_view params) {
  std::string line = R"({"jsonrpc":"2.0","id":)";
  line.append(id).append(R"(,"method":")").append(method);
  line.append(R"(","params":)").append(params).append("}");
  return line;
}

std::string notification_line(std::string_view method, std::string_view params) {
  std::string line = R"({"jsonrpc":"2.0","method":")";
  line.append(method).append(R"(","params":)").append(params).append("}");
  return line;
}

}  // namespace omcp_r::rpc
