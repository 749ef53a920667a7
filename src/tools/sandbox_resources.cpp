#include "omcp_r/tools/sandbox_resources.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "line_budget.hpp"
#include "omcp_r/base/log.hpp"
#include "omcp_r/base/text.hpp"
#include "omcp_r/tools/results.hpp"

namespace omcp_r::tools {
namespace {

using mcp::asio::awaitable;

constexpr std::string_view kScheme = "sandbox://";
/// Base64 of this and the rest of the line stay below 1,000,000 bytes.
constexpr std::size_t kMaxBlob = 720'000;
constexpr std::size_t kMaxText = 960'000;
constexpr std::size_t kMaxResources = 1'000;
constexpr std::size_t kMaxListBytes = 500'000;
/// The names of a resource's members, beside what they hold.
constexpr std::size_t kResource = 120;
/// Of a file that does not fit an answer.
constexpr std::uint64_t kPartBytes = 700'000;
/// The bytes of a character of UTF-8 beyond its first.
constexpr std::uint64_t kMostRest = 3;
constexpr std::uint64_t kMostParts = 1'000'000'000;
constexpr std::string_view kPartQuery = "part=";
constexpr const char* kPartsKey = "omcp-r-sandbox/parts";

Error no_such_resource(const std::string& uri) {
  return Error{Errc::kNotFound, "There is no resource " + printable(uri, 200) +
                                    ": resources/list shows those that are there."};
}

/// The number in "part=N", 1 where there is no query; 0 where it is something else.
std::uint64_t part_of_query(std::string_view query) {
  if (query.empty()) {
    return 1;
  }
  std::uint64_t part = 0;
  const bool named = query.starts_with(kPartQuery);
  query.remove_prefix(named ? kPartQuery.size() : 0);
  const auto parsed = std::from_chars(query.data(), query.data() + query.size(), part);
  const bool sound = named && parsed.ec == std::errc{} &&
                     parsed.ptr == query.data() + query.size() && part <= kMostParts;
  return sound ? part : 0;
}

/// How many bytes at the start of `bytes` belong to a character that began before it.
std::size_t rest_of_character(std::string_view bytes) {
  std::size_t rest = 0;
  while (rest < kMostRest && rest < bytes.size() &&
         (static_cast<unsigned char>(bytes[rest]) & 0xC0U) == 0x80U) {
    ++rest;
  }
  return rest;
}

/// Says of a part which it is, and how to get the others.
void tell_parts(mcp::ResourceContents& contents, const std::string& uri, std::uint64_t part,
                std::uint64_t size) {
  const std::uint64_t parts = parts_of(size);
  if (parts == 1) {
    return;
  }
  const std::string others = uri + "?" + std::string{kPartQuery};
  mcp::Json told = mcp::Json::object();
  told["part"] = part;
  told["parts"] = parts;
  told["size"] = size;
  told["uriTemplate"] = uri + "{?part}";
  contents.meta[kPartsKey] = std::move(told);
  if (part == 1) {
    contents.remark = "Part 1 of " + std::to_string(parts) + " of a file of " +
                      std::to_string(size) + " bytes. The others are " + others + "2 to " + others +
                      std::to_string(parts) + ".";
  }
}

/// Takes resources until one does not fit; it and all others are counted only.
class ResourceList {
 public:
  void add(mcp::Resource resource) {
    const std::size_t bytes = resource.uri.size() + text_bytes(resource.name) +
                              resource.description.size() + resource.mime_type.size() + kResource;
    if (full_ || resources_.size() >= kMaxResources || bytes > room_) {
      leave_out(1);
      return;
    }
    room_ -= bytes;
    resources_.push_back(std::move(resource));
  }
  void leave_out(std::size_t count) {
    left_out_ += count;
    full_ = true;
  }
  std::vector<mcp::Resource> take() { return std::move(resources_); }
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  std::vector<mcp::Resource> resources_;
  std::size_t room_ = kMaxListBytes;
  std::size_t left_out_ = 0;
  bool full_ = false;
};

mcp::Resource own_resource(const std::string& id, const char* name, const char* description,
                           const char* mime_type) {
  mcp::Resource own;
  own.uri = resource_uri(id, name);
  own.name = name;
  own.description = description;
  own.mime_type = mime_type;
  return own;
}

mcp::Resource resource_of(const std::string& id, const sandbox::FileEntry& file) {
  mcp::Resource resource;
  resource.name = file.path;
  resource.uri = resource_uri(id, file.path);
  resource.mime_type = mime_type_of(file.path);
  resource.size = file.size;
  return resource;
}

void add_files(ResourceList& list, const sandbox::Sandboxes::Listing& listing) {
  for (std::size_t i = 0; i < listing.files.size(); ++i) {
    if (list.full()) {
      list.leave_out(listing.files.size() - i);
      return;
    }
    if (!is_own_resource(listing.files[i].path)) {
      list.add(resource_of(listing.id, listing.files[i]));
    }
  }
}

}  // namespace

std::vector<mcp::ResourceTemplate> SandboxResources::templates() const {
  mcp::ResourceTemplate files;
  files.uri_template = "sandbox://{sandbox_id}/{+path}";
  files.name = "File of a sandbox";
  files.description = "A file below /sandbox; .session.R is the session's code as an R script";
  mcp::ResourceTemplate parts;
  parts.uri_template = "sandbox://{sandbox_id}/{+path}{?part}";
  parts.name = "Part of a large file";
  parts.description = "Part 1, 2 and so on of a file above " + std::to_string(kMaxBlob) +
                      " bytes; without a number it is the first, and tells how many there are";
  return {files, parts};
}

std::vector<mcp::Resource> resource_list(std::vector<sandbox::SandboxView> views,
                                         const std::vector<sandbox::Sandboxes::Listing>& listings) {
  std::stable_sort(views.begin(), views.end(),
                   [](const auto& a, const auto& b) { return a.created_at > b.created_at; });
  std::map<std::string_view, const sandbox::Sandboxes::Listing*> by_id;
  for (const auto& listing : listings) {
    by_id[listing.id] = &listing;
  }
  ResourceList list;
  for (const sandbox::SandboxView& view : views) {
    if (view.foreign) {
      continue;  // nothing of it can be read
    }
    list.add(own_resource(view.id, kScriptResource, "The code of the session so far", "text/x-r"));
    list.add(own_resource(view.id, kPackagesName, "The installed packages with their versions",
                          "text/plain"));
    list.add(own_resource(view.id, kObjectsName, "The session's variables", "application/json"));
    const auto found = by_id.find(view.id);
    if (found != by_id.end()) {
      add_files(list, *found->second);
    }
  }
  if (list.left_out() > 0) {
    log::warning("more resources than an answer may hold", {{"left_out", list.left_out()}});
  }
  return list.take();
}

awaitable<Result<std::vector<mcp::Resource>>> SandboxResources::list() {
  auto views = co_await sandboxes_.list(false);
  if (!views) {
    co_return views.error();
  }
  const auto listings = co_await sandboxes_.files();
  if (!listings) {
    co_return listings.error();
  }
  co_return resource_list(std::move(*views), *listings);
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read(std::string uri) {
  const auto slash = uri.find('/', kScheme.size());
  if (!uri.starts_with(kScheme) || slash == std::string::npos) {
    co_return no_such_resource(uri);
  }
  const std::string id = uri.substr(kScheme.size(), slash - kScheme.size());
  const auto query = std::min(uri.find('?', slash), uri.size());
  const std::string path = percent_decode(uri.substr(slash + 1, query - slash - 1));
  const std::string_view asked = std::string_view{uri}.substr(query);
  const std::uint64_t part = asked == "?" ? 0 : part_of_query(asked.substr(asked.empty() ? 0 : 1));
  if (path == kScriptResource && part == 1) {
    co_return co_await read_script(id);
  }
  if (path == kPackagesName && part == 1) {
    co_return co_await read_packages(id);
  }
  if (path == kObjectsName && part == 1) {
    co_return co_await read_objects(id);
  }
  if (!is_plain_path(path) || part == 0) {
    co_return no_such_resource(uri);
  }
  co_return co_await read_file(id, path, part);
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read_file(std::string id,
                                                                     std::string path,
                                                                     std::uint64_t part) {
  const std::uint64_t most = part == 1 ? kMaxBlob : kPartBytes + kMostRest;
  auto read = co_await sandboxes_.get_part(id, path, first_byte_of(part), most);
  if (!read) {
    // A path that is not there, leaves /sandbox or is no plain file: none of these is a resource.
    const bool absent =
        read.error().code == Errc::kInvalidArgument || read.error().code == Errc::kEnded;
    co_return Error{absent ? Errc::kNotFound : read.error().code, read.error().message};
  }
  if (part > parts_of(read->size)) {
    co_return Error{Errc::kNotFound, "There is no part " + std::to_string(part) + " of " + path +
                                         ": it has " + std::to_string(parts_of(read->size)) + "."};
  }
  mcp::ResourceContents contents = contents_of(path, cut_part(read->bytes, part, read->size));
  tell_parts(contents, resource_uri(id, path), part, read->size);
  co_return contents;
}

std::uint64_t first_byte_of(std::uint64_t part) {
  return (part - 1) * kPartBytes;
}

std::uint64_t parts_of(std::uint64_t size) {
  return size <= kMaxBlob ? 1 : (size + kPartBytes - 1) / kPartBytes;
}

std::string cut_part(const std::string& bytes, std::uint64_t part, std::uint64_t size) {
  const std::uint64_t parts = parts_of(size);
  const std::size_t begin = part == 1 ? 0 : rest_of_character(bytes);
  std::size_t end = bytes.size();
  if (part < parts && end > kPartBytes) {
    end = kPartBytes + rest_of_character(std::string_view{bytes}.substr(kPartBytes));
  }
  return bytes.substr(begin, end - std::min(begin, end));
}

mcp::ResourceContents contents_of(const std::string& path, std::string bytes) {
  mcp::ResourceContents contents;
  contents.mime_type = mime_type_of(path);
  contents.is_text = bytes.find('\0') == std::string::npos && to_valid_utf8(bytes) == bytes &&
                     text_bytes(bytes) <= kMaxText;
  contents.bytes = std::move(bytes);
  return contents;
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read_packages(std::string id) {
  const auto around = co_await sandboxes_.surroundings(id, true);
  if (!around) {
    co_return around.error();
  }
  mcp::ResourceContents contents;
  contents.mime_type = "text/plain";
  contents.is_text = true;
  for (const std::string& package : around->packages) {
    if (contents.bytes.size() + package.size() < kMaxText / 2) {
      contents.bytes += package + "\n";
    }
  }
  co_return contents;
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read_objects(std::string id) {
  const auto found = co_await sandboxes_.objects(id);
  if (!found) {
    co_return found.error();
  }
  mcp::Json objects = mcp::Json::array();
  std::uint64_t left_out = found->left_out;
  std::size_t room = kMaxText / 2;
  for (const sandbox::Objects::Object& one : found->objects) {
    const std::size_t bytes = kResource + text_bytes(one.name) + text_bytes(one.classes) +
                              one.dim.size() + text_bytes(one.line);
    if (bytes > room) {
      ++left_out;
      continue;
    }
    room -= bytes;
    mcp::Json object = mcp::Json::object();
    object["name"] = one.name;
    object["class"] = one.classes;
    if (one.bytes > 0) object["bytes"] = one.bytes;
    if (!one.dim.empty()) object["dim"] = one.dim;
    if (!one.line.empty()) object["line"] = one.line;
    objects.push_back(std::move(object));
  }
  mcp::Json all = mcp::Json::object();
  all["objects"] = std::move(objects);
  if (left_out > 0) all["left_out"] = left_out;
  mcp::ResourceContents contents;
  contents.mime_type = "application/json";
  contents.is_text = true;
  contents.bytes = all.dump(1);
  co_return contents;
}

awaitable<Result<std::string>> script_of_session(sandbox::Sandboxes& sandboxes, std::string id) {
  const auto facts = co_await sandboxes.session(id);
  if (!facts) {
    co_return facts.error();
  }
  sandbox::SandboxView view = sandboxes.look_up(id).value_or(sandbox::SandboxView{});
  view.id = id;
  co_return session_script(*facts, view);
}

awaitable<Result<mcp::ResourceContents>> SandboxResources::read_script(std::string id) {
  auto script = co_await script_of_session(sandboxes_, std::move(id));
  if (!script) {
    co_return script.error();
  }
  mcp::ResourceContents contents;
  contents.mime_type = "text/x-r";
  contents.is_text = true;
  contents.bytes = std::move(*script);
  co_return contents;
}

}  // namespace omcp_r::tools
