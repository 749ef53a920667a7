#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "omcp_r/mcp/tool.hpp"
#include "omcp_r/sandbox/sandboxes.hpp"

namespace omcp_r::tools {

/// The files of the sandboxes as sandbox://ID/PATH, and the code of each session as a script.
class SandboxResources : public mcp::ResourceProvider {
 public:
  explicit SandboxResources(sandbox::Sandboxes& sandboxes) : sandboxes_(sandboxes) {}

  mcp::asio::awaitable<Result<std::vector<mcp::Resource>>> list() override;
  [[nodiscard]] std::vector<mcp::ResourceTemplate> templates() const override;
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read(std::string uri) override;

 private:
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read_script(std::string id);
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read_packages(std::string id);
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read_objects(std::string id);
  mcp::asio::awaitable<Result<mcp::ResourceContents>> read_file(std::string id, std::string path,
                                                                std::uint64_t part);

  sandbox::Sandboxes& sandboxes_;
};

/// The session's script of each living sandbox and the files found there, the newest sandbox first:
/// as many as an answer may hold. What is left out is logged.
std::vector<mcp::Resource> resource_list(std::vector<sandbox::SandboxView> views,
                                         const std::vector<sandbox::Sandboxes::Listing>& listings);

/// Part `part`, from 1, of the bytes of a file of `size` bytes in all: `bytes` are what stands from
/// first_byte_of() it on. Cut so that no character of UTF-8 is, whatever the file is, so that the
/// parts are the file when they are put together.
std::string cut_part(const std::string& bytes, std::uint64_t part, std::uint64_t size);
std::uint64_t first_byte_of(std::uint64_t part);
/// How many there are of it. A file that fits an answer is one.
std::uint64_t parts_of(std::uint64_t size);

/// The bytes of a file as they go out: as text where they are some and fit a line so.
mcp::ResourceContents contents_of(const std::string& path, std::string bytes);

/// The session's code as an R script with what is known of the sandbox in comments above it; what
/// failed is a comment as well. Code that does not fit a line is left out at the end, and the
/// script says so.
std::string session_script(const sandbox::SessionFacts& facts, const sandbox::SandboxView& view);
/// How a script begins of the same session of the same sandbox; "" where it does not tell.
std::string script_mark(const std::string& script);

/// The script of a sandbox's session as it is now.
mcp::asio::awaitable<Result<std::string>> script_of_session(sandbox::Sandboxes& sandboxes,
                                                            std::string id);

}  // namespace omcp_r::tools
