#pragma once

#include <string>
#include <string_view>

namespace omcp_r::process {

/// Whether there is a regular file that this process may run.
bool is_program(const std::string& path);

/// The path of a program: itself where it is absolute, else the first of that name in `path`, a
/// PATH variable; "" is none. Empty and relative entries are passed over: they would make the
/// result depend on the working directory.
std::string find_program(const std::string& name, std::string_view path);

}  // namespace omcp_r::process
