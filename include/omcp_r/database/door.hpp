#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "omcp_r/base/result.hpp"
#include "omcp_r/database/database.hpp"

namespace omcp_r::database {

/// The only way from sandboxes to a database server: a socket of PostgreSQL's name, in a folder
/// that they see, behind which every connection logs in as one role in one database, whatever it
/// asks for. Code that could reach the server's own socket could try to be any role. A server
/// process of ours that has gone takes its connections with it; another one opens the door again.
class Door {
 public:
  /// `folder` is for this access alone; the one above it must be there by the time of open().
  Door(const asio::any_io_executor& executor, Access access, std::string folder);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Makes sure that somebody listens: this process, unless another one does. Cheap.
  Status open();
  /// Ends all connections.
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace omcp_r::database
