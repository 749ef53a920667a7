#pragma once

#include <memory>

#include "support/fixture.hpp"

namespace omcp_r::e2e {

/// A PostgreSQL server that only its socket leads to, with a database "survey" that the role
/// "reader" may read without a password. Nobody else gets in but who the user of that name is.
class Postgres {
 public:
  explicit Postgres(std::filesystem::path folder);
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  void start();
  void stop();
  /// Runs SQL in that database as a superuser.
  void admin(const std::string& sql) const;
  /// How many rows there are of `what`.
  [[nodiscard]] int count(const std::string& what) const;
  /// Puts a line before the others of pg_hba.conf.
  void let_in(const std::string& line);
  /// Where its socket is.
  [[nodiscard]] std::string folder() const { return (folder_ / "socket").string(); }

 private:
  [[nodiscard]] ChildSpec spec(const std::string& command) const;
  [[nodiscard]] Finished run(const std::string& command, const std::string& input = "") const;
  void must(const std::string& command, const std::string& input = "") const;

  std::filesystem::path folder_;
  std::string programs_;
  std::unique_ptr<Child> server_;
};

}  // namespace omcp_r::e2e
