#include "omcp_r/base/text.hpp"
#include "omcp_r/mcp/encode.hpp"

namespace omcp_r::mcp {
namespace {

Json text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

std::string in_words(const ResourceLink& link) {
  std::string words = link.name + ": " + link.uri;
  if (!link.mime_type.empty()) {
    words += " (" + link.mime_type;
    words += link.size ? ", " + std::to_string(*link.size) + " bytes)" : ")";
  }
  if (!link.description.empty()) {
    words += "\n" + link.description;
  }
  return words;
}

void add_unless_empty(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) {
    object[key] = value;
  }
}

struct ContentEncoder {
  const Revision& revision;

  Json operator()(const TextContent& content) const { return text_block(content.text); }

  Json operator()(const ImageContent& content) const {
    return {
        {"type", "image"}, {"data", base64_encode(content.bytes)}, {"mimeType", content.mime_type}};
  }

  Json operator()(const ResourceLink& link) const {
    if (!revision.structured_content) {
      return text_block(in_words(link));
    }
    Json block = {{"type", "resource_link"}, {"uri", link.uri}, {"name", link.name}};
    add_unless_empty(block, "description", link.description);
    add_unless_empty(block, "mimeType", link.mime_type);
    if (link.size) {
      block["size"] = *link.size;
    }
    return block;
  }

  Json operator()(const AudioContent& content) const {
    if (!revision.tool_annotations) {
      return text_block("[audio, " + content.mime_type + ", " +
                        std::to_string(content.bytes.size()) + " bytes]");
    }
    return {
        {"type", "audio"}, {"data", base64_encode(content.bytes)}, {"mimeType", content.mime_type}};
  }

  Json operator()(const EmbeddedResource& content) const {
    const ResourceContents contents{content.mime_type, content.bytes, content.is_text};
    return {{"type", "resource"}, {"resource", encode_resource_contents(content.uri, contents)}};
  }
};

}  // namespace

Json encode_content(const Content& content, const Revision& revision) {
  return std::visit(ContentEncoder{revision}, content);
}

Json encode_tool_result(const ToolResult& result, const Revision& revision) {
  Json content = Json::array();
  for (const Content& item : result.content) {
    content.push_back(encode_content(item, revision));
  }
  Json body = {{"content", std::move(content)}};
  const bool knows_structure =
      revision.structured_content && (result.structured.is_object() || revision.modern());
  if (!result.structured.is_null() && knows_structure) {
    body["structuredContent"] = result.structured;
  }
  body["isError"] = result.is_error;
  if (!result.meta.is_null()) {
    body["_meta"] = result.meta;
  }
  return body;
}

Json encode_resource(const Resource& resource) {
  Json body = {{"uri", resource.uri}, {"name", resource.name}};
  add_unless_empty(body, "description", resource.description);
  add_unless_empty(body, "mimeType", resource.mime_type);
  if (resource.size) {
    body["size"] = *resource.size;
  }
  return body;
}

Json encode_template(const ResourceTemplate& resource_template) {
  Json body = {{"uriTemplate", resource_template.uri_template}, {"name", resource_template.name}};
  add_unless_empty(body, "description", resource_template.description);
  add_unless_empty(body, "mimeType", resource_template.mime_type);
  return body;
}

Json encode_resource_contents(const std::string& uri, const ResourceContents& contents) {
  Json body = {{"uri", uri}};
  add_unless_empty(body, "mimeType", contents.mime_type);
  if (contents.is_text) {
    body["text"] = contents.bytes;
  } else {
    body["blob"] = base64_encode(contents.bytes);
  }
  if (!contents.meta.is_null()) {
    body["_meta"] = contents.meta;
  }
  return body;
}

}  // namespace omcp_r::mcp
