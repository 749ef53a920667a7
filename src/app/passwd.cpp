// Only in the static program: the C library's own getpwuid_r() would load the machine's modules for
// users (of sssd, of systemd), which were made for the machine's C library and not for ours.

#include <pwd.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

extern "C" int getpwuid_r(uid_t uid, passwd* entry, char* room, std::size_t size, passwd** found) {
  *found = nullptr;
  std::FILE* const file = std::fopen("/etc/passwd", "re");
  if (file == nullptr) return errno;
  int result = 0;
  passwd* read = nullptr;
  while ((result = ::fgetpwent_r(file, entry, room, size, &read)) == 0) {
    if (read->pw_uid == uid) {
      *found = read;
      break;
    }
  }
  std::fclose(file);
  return result == ENOENT ? 0 : result;
}
